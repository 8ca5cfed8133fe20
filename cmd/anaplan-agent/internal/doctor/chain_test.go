package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"
)

// TestChainOf: the certificate by which a device attests keys, and those of other keys' CAs, are not
// called a broken chain; with the issuer's they are the chain.
func TestChainOf(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := func(name string) []byte {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
			IsCA: true, BasicConstraintsValid: true,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	issuer, err := x509.ParseCertificate(ca("Issuer"))
	if err != nil {
		t.Fatal(err)
	}
	login := &x509.Certificate{RawIssuer: issuer.RawSubject}
	attestation, other := ca("Yubico PIV Attestation"), ca("Other CA")
	for _, c := range []struct {
		raw  [][]byte
		want int
	}{{nil, 0}, {[][]byte{attestation}, 0}, {[][]byte{other, attestation}, 0}, {[][]byte{other, issuer.Raw}, 2}} {
		if got := chainOf(login, c.raw); len(got) != c.want {
			t.Errorf("of %d certificates %d are the chain, want %d", len(c.raw), len(got), c.want)
		}
	}
}
