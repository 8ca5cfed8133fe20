package certfile_test

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
	"github.com/google/go-cmp/cmp"
	"github.com/youmark/pkcs8"
)

// Pieces of ASN.1 that the stores of these tests are built of.

func tlv(tag byte, parts ...[]byte) []byte {
	content := join(parts...)
	head := []byte{tag, 0x82, byte(len(content) >> 8), byte(len(content))}
	if len(content) < 0x80 {
		head = []byte{tag, byte(len(content))}
	} else if len(content) < 0x100 {
		head = []byte{tag, 0x81, byte(len(content))}
	}
	return append(head, content...)
}

func sequence(parts ...[]byte) []byte { return tlv(0x30, parts...) }
func octets(parts ...[]byte) []byte   { return tlv(0x04, parts...) }
func explicit(parts ...[]byte) []byte { return tlv(0xa0, parts...) }

// value returns an integer or an object identifier.
func value(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return der
}

func rsadsi(arcs ...int) []byte {
	return value(append(asn1.ObjectIdentifier{1, 2, 840, 113549}, arcs...))
}

var (
	data, signed = rsadsi(1, 7, 1), rsadsi(1, 7, 2)
	noAttributes = tlv(0x31)
	keyBag       = rsadsi(1, 12, 10, 1, 1)
	shroudedBag  = rsadsi(1, 12, 10, 1, 2)
	certBag      = rsadsi(1, 12, 10, 1, 3)
	crlBag       = rsadsi(1, 12, 10, 1, 4)
	bagOfBags    = rsadsi(1, 12, 10, 1, 6)
)

func bagOf(kind, content []byte) []byte { return sequence(kind, explicit(content), noAttributes) }

// pkcs12Of returns a store of bags in clear, with the checksum of RFC 9579 under a password.
func pkcs12Of(t *testing.T, secret string, bags ...[]byte) []byte {
	t.Helper()
	return sealed(t, secret, sequence(sequence(data, explicit(octets(sequence(bags...))))))
}

func sealed(t *testing.T, secret string, safes []byte) []byte {
	t.Helper()
	salt := []byte("salt")
	key, err := pbkdf2.Key(sha256.New, secret, salt, 1, 32)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(safes)
	hmacSHA256 := sequence(rsadsi(2, 9))
	kdf := sequence(rsadsi(1, 5, 12), sequence(octets(salt), value(1), value(32), hmacSHA256))
	algorithm := sequence(rsadsi(1, 5, 14), sequence(kdf, hmacSHA256))
	return sequence(value(3), sequence(data, explicit(octets(safes))), sequence(sequence(algorithm, octets(mac.Sum(nil))), octets(salt), value(1)))
}

func TestBags(t *testing.T) {
	key := derOf(t, "pkcs8.pem")
	cert := bagOf(certBag, sequence(rsadsi(1, 9, 22, 1), explicit(octets(derOf(t, "key.crt")))))
	sdsi := bagOf(certBag, sequence(rsadsi(1, 9, 22, 2), explicit(octets([]byte("text")))))
	encrypted := func(secret string) []byte {
		der, err := pkcs8.MarshalPrivateKey(rsaKey(t, "key.pem"), []byte(secret), nil)
		if err != nil {
			t.Fatal(err)
		}
		return bagOf(shroudedBag, der)
	}
	nested := bagOf(keyBag, key)
	for range 10 {
		nested = bagOf(bagOfBags, sequence(nested))
	}
	leaf := []entry{{File: "key.pem", Certificate: "key"}}
	tests := []struct {
		name string
		data []byte
		want []entry
		text string // of the error
	}{
		{"key in clear", pkcs12Of(t, password, bagOf(keyBag, key)), []entry{bare}, ""},
		{"key encrypted", pkcs12Of(t, password, cert, encrypted(password)), leaf, ""},
		{"bags in a bag", pkcs12Of(t, password, bagOf(bagOfBags, sequence(cert, bagOf(keyBag, key)))), leaf, ""},
		{"bags of other kinds", pkcs12Of(t, password, sdsi, bagOf(crlBag, sequence()), cert, bagOf(keyBag, key)), leaf, ""},
		{"no attributes", pkcs12Of(t, password, sequence(keyBag, explicit(key))), []entry{bare}, ""},
		{"bags in bags without end", pkcs12Of(t, password, nested), nil, "a bag of the PKCS#12 file has a wrong structure"},
		{"no bag", pkcs12Of(t, password, sequence(value(1))), nil, "a bag of the PKCS#12 file has a wrong structure"},
		{"another password for the key", pkcs12Of(t, password, encrypted("another")), nil, "a password for itself and another for what is in it"},
		{"another password for the store", pkcs12Of(t, "another", bagOf(keyBag, key)), nil, "the password is wrong"},
		{"certificate only", pkcs12Of(t, password, cert), nil, "there is no private key in it but certificates"},
		{"nothing", pkcs12Of(t, password), nil, "there is no private key in it but something else"},
		{"broken key", pkcs12Of(t, password, bagOf(keyBag, sequence())), nil, "a key in it has a wrong structure"},
		{"signed", sequence(value(3), sequence(signed, explicit(sequence()))), nil, "signed, not protected by a password"},
		{"for a certificate", sealed(t, password, sequence(sequence(rsadsi(1, 7, 3), explicit(sequence())))), nil, "encrypted for a certificate"},
		{"unknown content", sequence(value(3), sequence(rsadsi(1, 7, 9), explicit(sequence()))), nil, "wrong structure"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ask, _ := asked(password)
			bundle, err := certfile.Keys(slices.Clone(test.data), ask)
			if diff := cmp.Diff(test.want, entries(t, bundle)); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			if err == nil && test.text != "" || err != nil && (test.text == "" || !strings.Contains(err.Error(), test.text)) {
				t.Errorf("error %v, want %q", err, test.text)
			}
		})
	}
}

// What is not encrypted cannot show that the password was right, so of a store in clear whose
// checksum is wrong nobody knows.
func TestChangedStoreInClear(t *testing.T) {
	store := pkcs12Of(t, password, sequence(keyBag, explicit(derOf(t, "pkcs8.pem"))))
	store[len(store)/2] ^= 1
	ask, _ := asked(password)
	if _, err := certfile.Keys(store, ask); !errors.Is(err, certfile.ErrWrongPassword) {
		t.Errorf("error %v, want %v", err, certfile.ErrWrongPassword)
	}
}

// Each file with a byte that is another one gives keys or an error, and keys are whole.
func TestChangedBytes(t *testing.T) {
	known := rsaKey(t, "key.pem")
	store := pkcs12Of(t, password, bagOf(keyBag, derOf(t, "pkcs8.pem")))
	for i := 0; i < len(store); i += 1 + i/50 { // the structure is at the start
		changed := slices.Clone(store)
		changed[i] ^= 0x11
		ask, _ := asked(password)
		bundle, err := certfile.KeysWithin(changed, ask, 100)
		if err == nil && (len(bundle.Keys) != 1 || !bundle.Keys[0].Key.Equal(known)) {
			t.Errorf("byte %d: %d keys that are not the file's", i, len(bundle.Keys))
		}
	}
	der := derOf(t, "key.pem")
	for i := 0; i < len(der); i += 1 + i/50 {
		changed := slices.Clone(der)
		changed[i] ^= 0x11
		if bundle, err := certfile.Keys(changed, nil); err == nil && x509.MarshalPKCS1PrivateKey(bundle.Keys[0].Key) == nil {
			t.Errorf("byte %d: a key that is not one", i)
		}
	}
}
