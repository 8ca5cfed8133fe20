package certfile_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/smallstep/pkcs7"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
	"github.com/anaplan-agent/anaplan-agent/agent/certtest"
)

// What a CA has written is what comes out, whatever it is wrapped in: its signature is over these
// bytes.
func TestOddCertificates(t *testing.T) {
	key := rsaKey(t, "key.pem")
	for _, odd := range certtest.Odds() {
		der := odd.Make(key.Public())
		bundle, err := pkcs7.DegenerateCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{
			"DER": der, "PEM": encode("CERTIFICATE", der), "PKCS#7": bundle, "with rubbish behind": join(der, []byte("\x00\xff\xff")),
			"after another": join(certtest.CA().Certificate.Raw, der),
		} {
			certs, err := certfile.Certificates(data)
			if err != nil {
				t.Errorf("%s, %s: %v", odd.Name, name, err)
				continue
			}
			leaf, _, err := certfile.Leaf(certs, key.Public())
			if err != nil || !bytes.Equal(leaf.Raw, der) {
				t.Errorf("%s, %s: not what was there: %v", odd.Name, name, err)
			}
		}
	}
}

func TestOddChain(t *testing.T) {
	key := rsaKey(t, "key.pem")
	certs, err := certfile.Certificates(join(certtest.Odds()[0].Make(key.Public()), certtest.CA().Certificate.Raw))
	if err != nil {
		t.Fatal(err)
	}
	if _, chain, err := certfile.Leaf(certs, key.Public()); err != nil || len(chain) != 1 || !chain[0].Equal(certtest.CA().Certificate) {
		t.Errorf("chain %v, %v", names(chain), err)
	}
}

// A certificate for a key of a kind that nobody can log in with is not one for another key.
func TestKeysThatCannotBe(t *testing.T) {
	key := rsaKey(t, "key.pem")
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki := func(parts ...[]byte) []byte {
		return ber.Element(0x30, ber.Element(0x30, parts...), ber.Element(asn1.TagBitString, make([]byte, 58)))
	}
	brainpool := certtest.Make(key.Public(), func(f *certtest.Fields) {
		f.Key = spki(certtest.OID(1, 2, 840, 10045, 2, 1), certtest.OID(1, 3, 36, 3, 3, 2, 8, 1, 1, 11))
	})
	for want, der := range map[string][]byte{
		"an Ed448 key":                            certtest.Make(key.Public(), func(f *certtest.Fields) { f.Key = spki(certtest.OID(1, 3, 101, 113)) }),
		"an RSA key for PSS only (RSASSA-PSS)":    certtest.Make(key.Public(), func(f *certtest.Fields) { f.Key = spki(certtest.OID(1, 2, 840, 113549, 1, 1, 10)) }),
		"an elliptic curve key (brainpoolP384r1)": brainpool,
		"an elliptic curve key (P-256)":           certtest.Make(elliptic.Public(), nil),
	} {
		certs, err := certfile.Certificates(join(der, certtest.CA().Certificate.Raw))
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		_, _, err = certfile.Leaf(certs, key.Public())
		if _, ok := errors.AsType[*certfile.UnsupportedError](err); !ok || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "another key") {
			t.Errorf("%s: %v", want, err)
		}
	}
	// Beside one of another RSA key it is not what matters.
	other := certtest.Make(rsaKey(t, "second.pem").Public(), nil)
	certs, err := certfile.Certificates(join(brainpool, other))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = certfile.Leaf(certs, key.Public()); !errors.As(err, new(*certfile.NoLeafError)) {
		t.Errorf("beside another: %v", err)
	}
	if index := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return c.PublicKey == nil }); index != 0 {
		t.Errorf("the key of brainpool is at %d", index)
	}
}
