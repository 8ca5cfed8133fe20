package certfile_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
	"github.com/google/go-cmp/cmp"
	"github.com/smallstep/pkcs7"
)

// wide returns text as UTF-16 with a byte order mark.
func wide(text []byte, order binary.AppendByteOrder) []byte {
	data := order.AppendUint16(nil, 0xfeff)
	for _, unit := range utf16.Encode([]rune(string(text))) {
		data = order.AppendUint16(data, unit)
	}
	return data
}

func replaced(data []byte, old, new string) []byte {
	return []byte(strings.ReplaceAll(string(data), old, new))
}

func TestCertificates(t *testing.T) {
	leaf, cas := fixture(t, "key.crt"), fixture(t, "cas.pem")
	der, issuing, root := derOf(t, "key.crt"), derOf(t, "issuing.pem"), derOf(t, "root.pem")
	bundle := derOf(t, "bundle.p7b")
	in64 := base64.StdEncoding.EncodeToString
	degenerate, err := pkcs7.DegenerateCertificate(join(der, issuing))
	if err != nil {
		t.Fatal(err)
	}
	one, all, given := []string{"key"}, []string{"key", "Issuing CA", "Root CA"}, []string{"Root CA", "key", "Issuing CA"}
	tests := []struct {
		name string
		data []byte
		want []string
	}{
		{"PEM", leaf, one},
		{"bundle", join(leaf, cas), all},
		{"CAs first", join(fixture(t, "root.pem"), leaf, fixture(t, "issuing.pem")), given},
		{"twice", join(leaf, leaf), one},
		{"key beside", join(fixture(t, "key.pem"), leaf), one},
		{"encrypted key beside", join(fixture(t, "legacy-aes.pem"), leaf, fixture(t, "pkcs8-aes.pem")), one},
		{"request beside", join(fixture(t, "key.csr"), leaf), one},
		{"openssl's text around", fixture(t, "attributes.pem"), all},
		{"trusted, with what follows", fixture(t, "trusted.pem"), one},
		{"old label", replaced(leaf, "CERTIFICATE", "X509 CERTIFICATE"), one},
		{"text before, no line end", join([]byte("Your certificate: "), bytes.TrimSpace(leaf)), one},
		{"text behind", join(leaf, []byte("Yours sincerely,\n-----\nthe CA\n")), one},
		{"CRLF", replaced(join(leaf, cas), "\n", "\r\n"), all},
		{"CR", replaced(join(leaf, cas), "\n", "\r"), all},
		{"empty lines", replaced(leaf, "\n", "\n\n"), one},
		{"indented", replaced(join([]byte("\n"), leaf, cas), "\n", " \n\t "), all},
		{"in one line", replaced(join(leaf, cas), "\n", " "), all},
		{"UTF-8 with mark", join([]byte("\xef\xbb\xbf"), leaf), one},
		{"UTF-16LE", wide(replaced(join(leaf, cas), "\n", "\r\n"), binary.LittleEndian), all},
		{"UTF-16BE", wide(leaf, binary.BigEndian), one},
		{"DER", der, one},
		{"DER, several", join(der, issuing, root), all},
		{"DER, padded", join(der, make([]byte, 7), []byte("\r\n")), one},
		{"DER, several in one block", encode("CERTIFICATE", join(der, issuing)), []string{"key", "Issuing CA"}},
		{"PKCS#7", fixture(t, "bundle.p7b"), given},
		{"PKCS#7 of another maker", degenerate, []string{"key", "Issuing CA"}},
		{"PKCS#7 with its other label", encode("PKCS #7 SIGNED DATA", bundle), given},
		{"PKCS#7 as CMS", encode("CMS", bundle), given},
		{"PKCS#7 labelled as certificate", encode("CERTIFICATE", bundle), given},
		{"PKCS#7 in DER", fixture(t, "bundle-der.p7b"), given},
		{"PKCS#7 in BER, with signature", fixture(t, "bundle-ber.p7b"), []string{"Issuing CA", "Root CA", "key"}},
		{"PKCS#7 in BER and PEM", encode("PKCS7", fixture(t, "bundle-ber.p7b")), []string{"Issuing CA", "Root CA", "key"}},
		{"PKCS#7 and PEM", join(leaf, fixture(t, "bundle.p7b")), []string{"key", "Root CA", "Issuing CA"}},
		{"base64", []byte(in64(der)), one},
		{"base64 in lines", []byte(strings.Join(strings.SplitAfter(in64(bundle), "M"), "\r\n")), given},
		{"base64 without its padding", []byte(strings.TrimRight(in64(join(der, der)), "=")), one},
		{"base64 in UTF-16", wide([]byte(in64(der)), binary.LittleEndian), one},
		{"base64 of PEM", []byte(in64(join(leaf, cas))), all},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			certs, err := certfile.Certificates(test.data)
			if diff := cmp.Diff(test.want, names(certs)); err != nil || diff != "" {
				t.Errorf("error %v; certificates (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestCertificatesRefused(t *testing.T) {
	leaf, der := fixture(t, "key.crt"), derOf(t, "key.crt")
	none, broken := certfile.ErrNoCertificate, certfile.ErrDamaged
	tests := []struct {
		name string
		data []byte
		is   error
		text string
	}{
		{"nothing", nil, nil, "it is empty"},
		{"blanks", []byte("\xff\xfe\r\x00\n\x00"), nil, "it is empty"},
		{"request", fixture(t, "key.csr"), none, "certificate request (CSR): send it to the CA"},
		{"request in DER", derOf(t, "key.csr"), none, "certificate request (CSR)"},
		{"request labelled as certificate", encode("CERTIFICATE", derOf(t, "key.csr")), none, "certificate request (CSR)"},
		{"key", fixture(t, "key.pem"), none, "a private key: give the certificate"},
		{"key in DER", derOf(t, "key.pem"), none, "a private key"},
		{"key in PKCS#8", fixture(t, "pkcs8.pem"), none, "a private key"},
		{"encrypted key", fixture(t, "pkcs8-aes.pem"), none, "a private key"},
		{"key encrypted in the old way", fixture(t, "legacy-aes.pem"), none, "a private key"},
		{"elliptic curve key", fixture(t, "ec.pem"), none, "a private key"},
		{"short key", derOf(t, "ed25519.pem"), none, "a private key"},
		{"public key", fixture(t, "public.pem"), none, "a public key"},
		{"OpenSSH key", fixture(t, "openssh.pem"), none, "an OpenSSH key"},
		{"PKCS#12", fixture(t, "modern.p12"), none, "anaplan-agent import"},
		{"PKCS#12 in BER", fixture(t, "firefox.p12"), none, "anaplan-agent import"},
		{"PKCS#12 in base64", []byte(base64.StdEncoding.EncodeToString(fixture(t, "modern.p12"))), none, "anaplan-agent import"},
		{"Java", fixture(t, "java.jks"), none, "keytool -importkeystore"},
		{"CRL", fixture(t, "revoked.crl"), none, "a list of revoked certificates"},
		{"encrypted message", fixture(t, "encrypted.p7m"), none, "open it in the mail program"},
		{"archive", []byte("PK\x03\x04..."), none, "unpack it"},
		{"PDF", []byte("%PDF-1.7 ..."), none, "a document"},
		{"HTML", []byte("\n<!DOCTYPE html><html>Sign in</html>"), none, "get it again in the browser"},
		{"words", []byte("certificate"), none, "something else: give a certificate as PEM"},
		{"base64 of words", []byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("words "), 50))), none, "something else"},
		{"other PEM", encode("PGP MESSAGE", []byte("hello")), none, "something else"},
		{"cut in a block", leaf[:len(leaf)/2], broken, "block 1 of 1 (CERTIFICATE) is cut short"},
		{"cut in the second block", join(leaf, leaf[:len(leaf)-20]), broken, "block 2 of 2 (CERTIFICATE)"},
		{"wrong character", replaced(leaf, "MII", "M*I"), broken, "block 1 of 1"},
		{"cut DER", der[:len(der)-1], broken, "its end is missing"},
		{"cut DER in a block", encode("CERTIFICATE", der[:300]), broken, "block 1 of 1"},
		{"no ASN.1", join([]byte{0x30, 0x84, 0, 0, 0, 2, 0, 0}, der), broken, "begins like a certificate"},
		{"nested too deep", bytes.Repeat([]byte{0x30, 0x80}, 500_000), broken, "begins like a certificate"},
		{"unreadable", replaced(der, "261125095226Z", "2611250952-6Z"), broken, "its dates cannot be read); get it again, and if that is the same, have the CA issue it anew"},
		{"too large", make([]byte, 1<<20+1), certfile.ErrTooLarge, "more than 1 MiB"},
		{"too many blocks", bytes.Repeat([]byte("-----BEGIN A-----\n"), 2000), certfile.ErrTooLarge, "more than 100 blocks"},
	}
	secret := strings.Split(string(fixture(t, "key.pem")), "\n")[5]
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			certs, err := certfile.Certificates(test.data)
			if err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.text) {
				t.Fatalf("%d certificates, error %v, want %v with %q", len(certs), err, test.is, test.text)
			}
			if strings.Contains(err.Error(), secret) || len(err.Error()) > 400 || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q is too long, of two lines, or tells of the key", err)
			}
		})
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestCertificatesCounted(t *testing.T) {
	key := newKey(t)
	var data []byte
	for range 100 {
		data = append(data, encode("CERTIFICATE", certify(t, nil, key, "A", nil).Raw)...)
	}
	if certs, err := certfile.Certificates(data); err != nil || len(certs) != 100 {
		t.Errorf("%d certificates, error %v, want 100", len(certs), err)
	}
	data = append(data, encode("CERTIFICATE", certify(t, nil, key, "A", nil).Raw)...)
	if _, err := certfile.Certificates(data); !errors.Is(err, certfile.ErrTooLarge) {
		t.Errorf("error %v for 101, want %v", err, certfile.ErrTooLarge)
	}
}

// An old root that nobody can read must not keep the leaf from its user.
func TestUnreadableRootIsPassedOver(t *testing.T) {
	root := replaced(derOf(t, "root.pem"), "261125095226Z", "2611250952-6Z")
	certs, err := certfile.Certificates(join(root, derOf(t, "issuing.pem"), derOf(t, "key.crt")))
	if diff := cmp.Diff([]string{"Issuing CA", "key"}, names(certs)); err != nil || diff != "" {
		t.Errorf("error %v; certificates (-want +got):\n%s", err, diff)
	}
	if _, err := certfile.Certificates(join(root, derOf(t, "issuing.pem"))); !errors.Is(err, certfile.ErrDamaged) {
		t.Errorf("error %v without the leaf, want %v", err, certfile.ErrDamaged)
	}
}

func TestLeaf(t *testing.T) {
	rootKey, caKey, key := newKey(t), newKey(t), newKey(t)
	isCA := func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }
	between := func(from, to time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
	}
	root := certify(t, nil, rootKey, "root", isCA)
	ca := certify(t, &identity{root, rootKey}, caKey, "ca", isCA)
	impostor := certify(t, nil, key, "ca", isCA) // named like the CA, and not it
	issuer := &identity{ca, caKey}
	current := certify(t, issuer, key, "current", between(-time.Hour, 5*time.Hour))
	longer := certify(t, issuer, key, "longer", between(-time.Hour, 6*time.Hour))
	later := certify(t, issuer, key, "later", between(time.Hour, 7*time.Hour))
	past := certify(t, issuer, key, "past", between(-2*time.Hour, -time.Hour))
	self := certify(t, nil, key, "self", between(-time.Hour, 9*time.Hour))
	other := certify(t, issuer, caKey, "other", nil)

	tests := []struct {
		name  string
		certs []*x509.Certificate
		leaf  string
		chain []string
	}{
		{"alone", []*x509.Certificate{current}, "current", nil},
		{"in a bundle", []*x509.Certificate{root, ca, other, current}, "current", []string{"ca", "root"}},
		{"without root", []*x509.Certificate{ca, current}, "current", []string{"ca"}},
		{"without issuer", []*x509.Certificate{current, root}, "current", nil},
		{"the one that ends last", []*x509.Certificate{longer, current}, "longer", nil},
		{"valid before not yet", []*x509.Certificate{later, current}, "current", nil},
		{"valid before past", []*x509.Certificate{past, current}, "current", nil},
		{"past if there is no other", []*x509.Certificate{past, ca}, "past", []string{"ca"}},
		{"a CA's before its own", []*x509.Certificate{self, current}, "current", nil},
		{"its own", []*x509.Certificate{self, root}, "self", nil},
		{"impostor", []*x509.Certificate{current, impostor, ca}, "current", []string{"ca"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			leaf, chain, err := certfile.Leaf(test.certs, key.Public())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.chain, names(chain)); leaf.Subject.CommonName != test.leaf || diff != "" {
				t.Errorf("leaf %v, want %s; chain (-want +got):\n%s", leaf.Subject, test.leaf, diff)
			}
		})
	}
}

// Two CAs that certify each other are not an endless chain.
func TestLeafOfCircularChain(t *testing.T) {
	aKey, bKey, key := newKey(t), newKey(t), newKey(t)
	isCA := func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }
	a, b := certify(t, nil, aKey, "a", isCA), certify(t, nil, bKey, "b", isCA)
	aByB, bByA := certify(t, &identity{b, bKey}, aKey, "a", isCA), certify(t, &identity{a, aKey}, bKey, "b", isCA)
	leaf := certify(t, &identity{a, aKey}, key, "leaf", nil)
	_, chain, err := certfile.Leaf([]*x509.Certificate{leaf, aByB, bByA}, key.Public())
	if diff := cmp.Diff([]string{"a", "b"}, names(chain)); err != nil || diff != "" {
		t.Errorf("error %v; chain (-want +got):\n%s", err, diff)
	}
}

func TestNoLeaf(t *testing.T) {
	key := newKey(t)
	var certs []*x509.Certificate
	for _, name := range []string{"A", "B\x1b[2J", "C", "D", "E"} {
		certs = append(certs, certify(t, nil, key, name, nil))
	}
	for count, want := range map[int]string{
		0: "there is no certificate for this key",
		1: `the certificate is for another key, that of "CN=A": give the one that the CA made from this key's request`,
		2: `none of the certificates is for this key; they are those of "CN=A", "CN=B\x1b[2J": give the one that the CA made from this key's request`,
		5: `none of the certificates is for this key; they are those of "CN=A", "CN=B\x1b[2J", "CN=C", 2 more: give the one that the CA made from this key's request`,
	} {
		_, _, err := certfile.Leaf(certs[:count], newKey(t).Public())
		none, ok := errors.AsType[*certfile.NoLeafError](err)
		if !ok || len(none.Subjects) != count || err.Error() != want {
			t.Errorf("%d certificates: error %v, want %s", count, err, want)
		}
	}
	if _, _, err := certfile.Leaf(certs, nil); err == nil {
		t.Error("a leaf for no key")
	}
}
