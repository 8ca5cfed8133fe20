package certfile_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
	"github.com/google/go-cmp/cmp"
	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"
)

// entry is what a test wants to know of a key.
type entry struct {
	File, Name, Certificate string
	Chain                   []string
}

func entries(t *testing.T, bundle certfile.Bundle) []entry {
	t.Helper()
	files := map[string]*rsa.PrivateKey{"key.pem": rsaKey(t, "key.pem"), "second.pem": rsaKey(t, "second.pem")}
	var all []entry
	for _, key := range bundle.Keys {
		e := entry{Name: key.Name, Chain: names(key.Chain)}
		for file, known := range files {
			if key.Key.Equal(known) {
				e.File = file
			}
		}
		if key.Certificate != nil {
			e.Certificate = key.Certificate.Subject.CommonName
		}
		all = append(all, e)
	}
	return all
}

// asked returns a password function and how often it was called.
func asked(answer string) (func() ([]byte, error), *int) {
	var calls int
	return func() ([]byte, error) { calls++; return []byte(answer), nil }, &calls
}

var (
	bare   = entry{File: "key.pem"}
	paired = entry{"key.pem", "", "key", []string{"Issuing CA", "Root CA"}}
	robot  = entry{"key.pem", "robot", "key", []string{"Issuing CA", "Root CA"}}
)

func TestKeys(t *testing.T) {
	read := func(name string) []byte { return fixture(t, name) }
	tests := []struct {
		name     string
		data     []byte
		password string // "": it must not be asked for
		want     []entry
	}{
		{"PKCS#1", read("key.pem"), "", []entry{bare}},
		{"PKCS#1 in DER", derOf(t, "key.pem"), "", []entry{bare}},
		{"PKCS#1 with CRLF", replaced(read("key.pem"), "\n", "\r\n"), "", []entry{bare}},
		{"PKCS#1 with the label of PKCS#8", encode("PRIVATE KEY", derOf(t, "key.pem")), "", []entry{bare}},
		{"PKCS#8", read("pkcs8.pem"), "", []entry{bare}},
		{"PKCS#8 in DER", derOf(t, "pkcs8.pem"), "", []entry{bare}},
		{"PKCS#8 in base64", []byte(base64.StdEncoding.EncodeToString(derOf(t, "pkcs8.pem"))), "", []entry{bare}},
		{"encrypted PKCS#8", read("pkcs8-aes.pem"), password, []entry{bare}},
		{"encrypted PKCS#8 in DER", derOf(t, "pkcs8-aes.pem"), password, []entry{bare}},
		{"encrypted PKCS#8, AES-128, SHA-512", read("pkcs8-sha512.pem"), password, []entry{bare}},
		{"encrypted PKCS#8, 3DES", read("pkcs8-3des.pem"), password, []entry{bare}},
		{"encrypted PKCS#8, scrypt", read("pkcs8-scrypt.pem"), password, []entry{bare}},
		{"encrypted PKCS#8, 3DES in the way of PKCS#12", read("pkcs8-v1-3des.pem"), password, []entry{bare}},
		{"encrypted PKCS#8, DES and MD5", read("pkcs8-v1-md5.pem"), password, []entry{bare}},
		{"encrypted PKCS#8, DES and SHA-1", read("pkcs8-v1-des.pem"), password, []entry{bare}},
		{"Proc-Type, AES", read("legacy-aes.pem"), password, []entry{bare}},
		{"Proc-Type, 3DES", read("legacy-3des.pem"), password, []entry{bare}},
		{"Proc-Type with CRLF", replaced(read("legacy-3des.pem"), "\n", "\r\n"), password, []entry{bare}},
		{"OpenSSH", read("openssh.pem"), "", []entry{bare}},
		{"OpenSSH with CRLF", replaced(read("openssh.pem"), "\n", "\r\n"), "", []entry{bare}},
		{"OpenSSH with a certificate behind", join(read("openssh.pem"), read("key.crt"), read("cas.pem")), "", []entry{paired}},
		{"OpenSSH with a certificate before, encrypted", join(read("cas.pem"), read("key.crt"), read("openssh-pw.pem")), password, []entry{paired}},
		{"OpenSSH without armour", derOf(t, "openssh.pem"), "", []entry{bare}},
		{"OpenSSH and PKCS#8, one password", join(read("openssh-pw.pem"), read("pkcs8-aes.pem"), read("openssh-ed25519.pem")), password, []entry{bare}},
		{"certificates beside", join(read("cas.pem"), read("pkcs8-aes.pem"), read("key.crt")), password, []entry{paired}},
		{"another's certificate beside", join(read("key.pem"), read("second.crt")), "", []entry{bare}},
		{"the same key twice", join(read("key.pem"), read("pkcs8.pem")), "", []entry{bare}},
		{"two keys", join(read("second.pem"), read("second.crt"), read("key.pem")), "", []entry{{"second.pem", "", "second", nil}, bare}},
		{"two keys, one password", join(read("legacy-aes.pem"), read("pkcs8-aes.pem"), read("second.pem")), password, []entry{bare, {File: "second.pem"}}},
		{"unusable keys beside", join(read("ec.pem"), read("key.pem"), read("small.pem")), "", []entry{bare}},
		{"openssl's text around", read("attributes.pem"), password, []entry{paired}},
		{"PKCS#12, modern", read("modern.p12"), password, []entry{robot}},
		{"PKCS#12, RC2-40 and 3DES", read("legacy.p12"), password, []entry{robot}},
		{"PKCS#12, RC2-128 and 3DES of two keys", read("legacy-128.p12"), password, []entry{robot}},
		{"PKCS#12, 3DES", read("legacy-3des.p12"), password, []entry{robot}},
		{"PKCS#12, certificates in clear", read("clear-certificates.p12"), password, []entry{robot}},
		{"PKCS#12, no checksum", read("no-checksum.p12"), password, []entry{robot}},
		{"PKCS#12, nothing protected", read("in-clear.p12"), "", []entry{robot}},
		{"PKCS#12, empty password", read("empty-password.p12"), "", []entry{robot}},
		{"PKCS#12, other letters", read("umlauts.p12"), "pässwörd €", []entry{robot}},
		{"PKCS#12 in base64", []byte(base64.StdEncoding.EncodeToString(read("modern.p12"))), password, []entry{robot}},
		{"PKCS#12 in PEM", encode("PKCS12", read("modern.p12")), password, []entry{robot}},
		{"PKCS#12 of Java", read("java.p12"), password, []entry{robot, {"second.pem", "second", "second", []string{"Issuing CA", "Root CA"}}}},
		{"PKCS#12 and PEM", join(encode("X", read("modern.p12")), read("second.pem")), password, []entry{robot, {File: "second.pem"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ask, calls := asked(test.password)
			bundle, err := certfile.Keys(slices.Clone(test.data), ask)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, entries(t, bundle)); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			if want := min(len(test.password), 1); *calls != want {
				t.Errorf("the password was asked for %d times, want %d", *calls, want)
			}
			for _, key := range bundle.Keys {
				if key.Certificate != nil && !slices.Contains(bundle.Certificates, key.Certificate) {
					t.Error("the key's certificate is not among those of the bundle")
				}
			}
		})
		if test.password == "" {
			continue
		}
		t.Run(test.name+" and a wrong password", func(t *testing.T) {
			ask, calls := asked("wrong")
			if _, err := certfile.Keys(slices.Clone(test.data), ask); !errors.Is(err, certfile.ErrWrongPassword) || *calls != 1 {
				t.Errorf("error %v after %d questions, want %v after 1", err, *calls, certfile.ErrWrongPassword)
			}
		})
	}
}

// Firefox asks for 600,000 rounds for each thing in a file, which would be slow in the table.
func TestKeysOfFirefox(t *testing.T) {
	ask, calls := asked(password)
	bundle, err := certfile.Keys(fixture(t, "firefox.p12"), ask)
	if diff := cmp.Diff([]entry{robot}, entries(t, bundle)); err != nil || diff != "" || *calls != 1 {
		t.Errorf("error %v after %d questions; keys (-want +got):\n%s", err, *calls, diff)
	}
}

// The files of another implementation, with passwords of all kinds.
func TestKeysOfGo(t *testing.T) {
	key := rsaKey(t, "key.pem")
	leaf, err := x509.ParseCertificate(derOf(t, "key.crt"))
	if err != nil {
		t.Fatal(err)
	}
	encoders := map[string]*pkcs12.Encoder{
		"LegacyRC2": pkcs12.LegacyRC2, "LegacyDES": pkcs12.LegacyDES, "Modern2023": pkcs12.Modern2023, "Modern2026": pkcs12.Modern2026,
	}
	want := []entry{{"key.pem", "", "key", nil}}
	for name, encoder := range encoders {
		for _, secret := range []string{"", "x", password, strings.Repeat("long ", 50), "Grüße 漢字"} {
			data, err := encoder.Encode(key, leaf, nil, secret)
			if err != nil {
				t.Fatal(err)
			}
			ask, _ := asked(secret)
			bundle, err := certfile.Keys(data, ask)
			if err != nil {
				t.Errorf("%s with %q: %v", name, secret, err)
			} else if diff := cmp.Diff(want, entries(t, bundle)); diff != "" {
				t.Errorf("%s with %q (-want +got):\n%s", name, secret, diff)
			}
		}
	}
	for _, opts := range []*pkcs8.Opts{
		pkcs8.DefaultOpts,
		{Cipher: pkcs8.TripleDESCBC, KDFOpts: pkcs8.ScryptOpts{SaltSize: 8, CostParameter: 1 << 10, BlockSize: 8, ParallelizationParameter: 2}},
	} {
		der, err := pkcs8.MarshalPrivateKey(key, []byte(password), opts)
		if err != nil {
			t.Fatal(err)
		}
		ask, _ := asked(password)
		if bundle, err := certfile.Keys(der, ask); err != nil || len(bundle.Keys) != 1 || !bundle.Keys[0].Key.Equal(key) {
			t.Errorf("PKCS#8 with %T: error %v", opts.KDFOpts, err)
		}
	}
}

// openssl before version 1.1 took the bytes of UTF-8 for characters.
func TestPasswordOfOldOpenSSL(t *testing.T) {
	leaf, err := x509.ParseCertificate(derOf(t, "key.crt"))
	if err != nil {
		t.Fatal(err)
	}
	var latin []rune
	for _, b := range []byte("pässwörd") {
		latin = append(latin, rune(b))
	}
	data, err := pkcs12.LegacyRC2.Encode(rsaKey(t, "key.pem"), leaf, nil, string(latin))
	if err != nil {
		t.Fatal(err)
	}
	ask, _ := asked("pässwörd")
	if bundle, err := certfile.Keys(data, ask); err != nil || len(bundle.Keys) != 1 {
		t.Errorf("%d keys, error %v, want 1", len(bundle.Keys), err)
	}
}

// openSSHWith returns the encrypted OpenSSH key with some bytes of it changed.
func openSSHWith(t *testing.T, old, changed string) []byte {
	t.Helper()
	block := derOf(t, "openssh-pw.pem")
	if !bytes.Contains(block, []byte(old)) {
		t.Fatalf("%q is not in it", old)
	}
	return encode("OPENSSH PRIVATE KEY", bytes.Replace(block, []byte(old), []byte(changed), 1))
}

func TestKeysRefused(t *testing.T) {
	key := derOf(t, "key.pem")
	wrong := slices.Clone(key)
	wrong[len(wrong)/2] ^= 1
	ed25519 := derOf(t, "ed25519.pem")
	none, broken := certfile.ErrNoKey, certfile.ErrDamaged
	unsupported := new(certfile.UnsupportedError)
	modern := fixture(t, "modern.p12")
	tests := []struct {
		name string
		data []byte
		is   error
		text string
	}{
		{"nothing", nil, nil, "it is empty"},
		{"certificate", fixture(t, "key.crt"), none, "but certificates: the key is in another file"},
		{"certificate in DER", derOf(t, "key.crt"), none, "but certificates"},
		{"PKCS#7", fixture(t, "bundle.p7b"), none, "but certificates"},
		{"request", fixture(t, "key.csr"), none, "certificate request (CSR)"},
		{"public key", fixture(t, "public.pem"), none, "a public key: give the private key"},
		{"OpenSSH key of Ed25519", fixture(t, "openssh-ed25519.pem"), unsupported, "an Ed25519 key cannot be used"},
		{"OpenSSH key of another cipher", openSSHWith(t, "aes256-ctr", "aes256-xyz"), none, "but an OpenSSH key: turn a copy of it into PEM with: ssh-keygen -p -m PEM -f FILE"},
		{"OpenSSH key of very many rounds", openSSHWith(t, "\x00\x00\x00\x10\x00\x00\x00\x01", "\x7f\x00\x00\x00\x00\x00\x00\x01"), unsupported, "a file that asks for more than"},
		{"OpenSSH key that is cut", encode("OPENSSH PRIVATE KEY", derOf(t, "openssh.pem")[:700]), broken, "the OpenSSH key in it"},
		{"OpenSSH key of another file's public key", openSSHWith(t, "ssh-rsa", "ssh-rsb"), unsupported, `an OpenSSH key of type "ssh-rsb"`},
		{"OpenSSH public key", []byte("ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB robot@example.com\n"), none, "an OpenSSH public key: give the private key"},
		{"PuTTY key", []byte("PuTTY-User-Key-File-3: ssh-rsa\n"), none, "puttygen"},
		{"Java", fixture(t, "java.jks"), none, "keytool -importkeystore"},
		{"HTML", []byte("<html>"), none, "a web page"},
		{"elliptic curve", fixture(t, "ec.pem"), unsupported, "an elliptic curve key (P-256) cannot be used: Anaplan takes RSA keys"},
		{"elliptic curve in DER", sec1(t), unsupported, "an elliptic curve key (P-256)"},
		{"elliptic curve in PKCS#8", ellipticPKCS8(t), unsupported, "an elliptic curve key (P-256)"},
		{"Ed25519", fixture(t, "ed25519.pem"), unsupported, "an Ed25519 key"},
		{"Ed25519 in DER", ed25519, unsupported, "an Ed25519 key"},
		{"X25519", replaced(ed25519, "\x2b\x65\x70", "\x2b\x65\x6e"), unsupported, "an X25519 key"},
		{"unknown kind", replaced(ed25519, "\x2b\x65\x70", "\x2b\x65\x01"), unsupported, "a key of an unknown kind (1.3.101.1)"},
		{"small", fixture(t, "small.pem"), unsupported, "an RSA key of 1024 bits"},
		{"unknown cipher", fixture(t, "unknown-cipher.pem"), unsupported, "encryption of an unknown kind (1.2.840.113549.1.12.1.1)"},
		{"unknown cipher of Proc-Type", fixture(t, "unknown-legacy.pem"), unsupported, `a key encrypted with "CAMELLIA-128-CBC"`},
		{"wrong number", encode("RSA PRIVATE KEY", wrong), broken, "do not fit together"},
		{"cut", key[:len(key)-1], broken, "its end is missing"},
		{"cut block", fixture(t, "key.pem")[:800], broken, "block 1 of 1 (RSA PRIVATE KEY)"},
		{"cut PKCS#12", modern[:len(modern)-9], broken, "its end is missing"},
		{"cut PKCS#12 in BER", fixture(t, "firefox.p12")[:4000], broken, "its end is missing"},
		{"changed PKCS#12", changed(t, modern), broken, "the password is right, but its checksum says that it has changed"},
		{"bad IV of Proc-Type", replaced(fixture(t, "legacy-aes.pem"), "AES-256-CBC,", "AES-256-CBC,0"), broken, "wrong length or header"},
		{"odd length", replaced(fixture(t, "legacy-aes.pem"), "\n-----END", "AAAA\n-----END"), broken, ""},
		{"too large", make([]byte, 1<<20+1), certfile.ErrTooLarge, "more than 1 MiB"},
	}
	secret := strings.Split(string(fixture(t, "key.pem")), "\n")[5]
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ask, _ := asked(password)
			bundle, err := certfile.Keys(test.data, ask)
			if err == nil || !strings.Contains(err.Error(), test.text) {
				t.Fatalf("%d keys, error %v, want %q", len(bundle.Keys), err, test.text)
			}
			if _, ok := errors.AsType[*certfile.UnsupportedError](err); test.is == unsupported && !ok {
				t.Errorf("error %T, want %T", err, unsupported)
			} else if test.is != nil && test.is != unsupported && !errors.Is(err, test.is) {
				t.Errorf("error %v, want %v", err, test.is)
			}
			for _, leak := range []string{secret, password, "\n"} {
				if strings.Contains(err.Error(), leak) {
					t.Errorf("error %q has %q in it", err, leak)
				}
			}
		})
	}
}

func sec1(t *testing.T) []byte {
	t.Helper()
	_, rest := pem.Decode(fixture(t, "ec.pem")) // the parameters
	block, _ := pem.Decode(rest)
	return block.Bytes
}

func ellipticPKCS8(t *testing.T) []byte {
	t.Helper()
	key, err := x509.ParseECPrivateKey(sec1(t))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// changed returns a PKCS#12 file with a name in clear that is another one than it was.
func changed(t *testing.T, data []byte) []byte {
	t.Helper()
	old, other := []byte("\x00r\x00o\x00b\x00o\x00t"), []byte("\x00R\x00o\x00b\x00o\x00t")
	if !bytes.Contains(data, old) {
		t.Fatal("there is no name in clear")
	}
	return bytes.ReplaceAll(data, old, other)
}

// A key whose numbers would take minutes to check is not calculated with.
func TestHugeKey(t *testing.T) {
	huge := new(big.Int).SetBit(big.NewInt(1), 500_000, 1)
	der, err := asn1.Marshal([]*big.Int{big.NewInt(0), huge, huge, huge, huge, huge, huge, huge, huge})
	if err != nil {
		t.Fatal(err)
	}
	_, err = certfile.Keys(der, nil)
	if _, ok := errors.AsType[*certfile.UnsupportedError](err); !ok || !strings.Contains(err.Error(), "more than 16384 bits") {
		t.Errorf("error %v, want one of more than 16384 bits", err)
	}
}

func TestRoundsAreLimited(t *testing.T) {
	for _, name := range []string{"modern.p12", "legacy.p12", "pkcs8-aes.pem", "pkcs8-scrypt.pem", "pkcs8-v1-md5.pem"} {
		ask, _ := asked(password)
		_, err := certfile.KeysWithin(fixture(t, name), ask, 2000)
		if _, ok := errors.AsType[*certfile.UnsupportedError](err); !ok || !strings.Contains(err.Error(), "more than 2000 rounds") {
			t.Errorf("%s: error %v, want one of rounds", name, err)
		}
	}
	many := replaced(fixture(t, "firefox.p12"), "\x02\x03\x09\x27\xc0", "\x02\x03\x5b\x8d\x80") // 6,000,000 for 600,000
	if _, err := certfile.Keys(many, nil); err == nil || !strings.Contains(err.Error(), "more than 5000000 rounds") {
		t.Errorf("error %v, want one of rounds", err)
	}
	der := replaced(derOf(t, "pkcs8-scrypt.pem"), "\x02\x02\x40\x00\x02\x01\x08", "\x02\x02\x40\x00\x02\x01\x7f") // N and r
	if _, err := certfile.Keys(der, nil); err == nil || !strings.Contains(err.Error(), "too much memory") {
		t.Errorf("error %v, want one of memory", err)
	}
}

func TestPasswordFails(t *testing.T) {
	cause := errors.New("no terminal")
	var calls int
	data := join(fixture(t, "pkcs8-aes.pem"), fixture(t, "legacy-aes.pem"))
	_, err := certfile.Keys(data, func() ([]byte, error) { calls++; return nil, cause })
	if !errors.Is(err, cause) || calls != 1 {
		t.Errorf("error %v after %d questions, want %v after 1", err, calls, cause)
	}
}

func TestWrongPasswords(t *testing.T) {
	data := fixture(t, "modern.p12")
	for _, wrong := range []string{"", password + " ", password + "\n", "\xff", "Correct horse", "é"} {
		ask, _ := asked(wrong)
		if _, err := certfile.Keys(data, ask); !errors.Is(err, certfile.ErrWrongPassword) {
			t.Errorf("error %v with %q, want %v", err, wrong, certfile.ErrWrongPassword)
		}
	}
	if _, err := certfile.Keys(data, nil); !errors.Is(err, certfile.ErrWrongPassword) {
		t.Errorf("error %v without a password function, want %v", err, certfile.ErrWrongPassword)
	}
}

// The password is its caller's: it is not changed, and not kept.
func TestPasswordStaysTheCallers(t *testing.T) {
	secret := []byte(password)
	if _, err := certfile.Keys(fixture(t, "legacy.p12"), func() ([]byte, error) { return secret, nil }); err != nil || string(secret) != password {
		t.Errorf("error %v; the password became %q", err, secret)
	}
}

// Vectors of RFC 2268 section 5, where all bits of the key count.
func TestRC2(t *testing.T) {
	for _, v := range []struct{ key, cipher, plain string }{
		{"\xff\xff\xff\xff\xff\xff\xff\xff", "\x27\x8b\x27\xe4\x2e\x2f\x0d\x49", "\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"\x30\x00\x00\x00\x00\x00\x00\x00", "\x30\x64\x9e\xdf\x9b\xe7\xd2\xc2", "\x10\x00\x00\x00\x00\x00\x00\x01"},
		{"\x88\xbc\xa9\x0e\x90\x87\x5a\x7f\x0f\x79\xc3\x84\x62\x7b\xaf\xb2", "\x22\x69\x55\x2a\xb0\xf8\x5c\xa6", "\x00\x00\x00\x00\x00\x00\x00\x00"},
	} {
		if got := certfile.RC2([]byte(v.key), []byte(v.cipher)); string(got) != v.plain {
			t.Errorf("RC2 with key %x: %x, want %x", v.key, got, v.plain)
		}
	}
}
