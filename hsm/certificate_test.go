//go:build cgo

package hsm_test

import (
	"bytes"
	"encoding/asn1"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/certtest"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// withCertificate returns a token with a key and that certificate of it, whose bytes may be followed
// by others.
func withCertificate(t *testing.T, der, behind []byte) *hsmtest.Token {
	t.Helper()
	token := hsmtest.NewToken(t)
	certificate, err := certread.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	certificate.Raw = append(bytes.Clone(certificate.Raw), behind...)
	token.Put(t, hsmtest.Named("login", 7).Pair(hsmtest.RSAKey(t, "a"), certificate)...)
	return token
}

// TestOddCertificates: a certificate that crypto/x509 refuses logs in, with the bytes that it has;
// and the same is stored on the token once.
func TestOddCertificates(t *testing.T) {
	key := hsmtest.RSAKey(t, "a")
	for _, odd := range certtest.Odds() {
		t.Run(odd.Name, func(t *testing.T) {
			der := odd.Make(key.Public())
			token := withCertificate(t, der, make([]byte, 30))
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
			opened := mustSign(t, token.Address(t), options, &key.PublicKey)
			got := opened.Certificate()
			opened.Close()
			if !bytes.Equal(got.Raw, der) {
				t.Errorf("%d bytes come out, %d were there", len(got.Raw), len(der))
			}
			if stored, err := hsm.StoreCertificate(t.Context(), token.Address(t), got, options); stored || err != nil {
				t.Errorf("stored again: %v, %v", stored, err)
			}
		})
	}
}

func TestStoreOddCertificate(t *testing.T) {
	key := hsmtest.RSAKey(t, "a")
	token := newLogin(t)
	options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
	for _, odd := range certtest.Odds() {
		certificate, err := certread.Parse(odd.Make(key.Public()))
		if err != nil {
			t.Fatal(err)
		}
		if stored, err := hsm.StoreCertificate(t.Context(), token.Address(t), certificate, options); !stored || err != nil {
			t.Errorf("%s: stored: %v, %v", odd.Name, stored, err)
		}
	}
	mustSign(t, token.Address(t), options, &key.PublicKey).Close()
}

// TestOtherKinds: a certificate of a key that cannot log in is said to be that, and not another
// key's: nobody would find that key.
func TestOtherKinds(t *testing.T) {
	key := hsmtest.RSAKey(t, "a")
	der := certtest.Make(key.Public(), func(f *certtest.Fields) {
		f.Key = ber.Element(0x30, ber.Element(0x30, certtest.OID(1, 2, 840, 113549, 1, 1, 10)), ber.Element(asn1.TagBitString, make([]byte, 40)))
	})
	token := withCertificate(t, der, nil)
	options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
	_, err := hsm.Open(t.Context(), token.Address(t), options)
	wantError(t, "on the token", err, hardware.ErrNoCertificate, "CN=Robot is for an RSA key for PSS only (RSASSA-PSS)")
	listed, err := hsm.List(t.Context(), token.Address(t), options)
	if err != nil || len(listed) != 1 || len(listed[0].Keys) != 1 || !strings.Contains(listed[0].Keys[0].PassedOver[0].Note, "RSASSA-PSS") {
		t.Errorf("listed %+v, %v", listed, err)
	}
	if options.Certificate, err = certread.Parse(der); err != nil {
		t.Fatal(err)
	}
	_, err = hsm.Open(t.Context(), newLogin(t).Address(t), options)
	wantError(t, "given", err, hardware.ErrNoCertificate, "CN=Robot is for an RSA key for PSS only (RSASSA-PSS)")
	_, err = hsm.StoreCertificate(t.Context(), newLogin(t).Address(t), options.Certificate, options)
	wantError(t, "stored", err, hardware.ErrNoCertificate, "CN=Robot is for an RSA key for PSS only (RSASSA-PSS)")
}
