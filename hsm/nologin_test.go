//go:build cgo && unix

package hsm_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// attestation is how Yubico's attestations look: one of their extensions, and an end in 2052.
func attestation(c *x509.Certificate) {
	hsmtest.Valid(-1000, 9000)(c)
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 7}, Value: []byte{2, 1, 1}}}
}

// TestCertificatesThatAreNoLogins: ykcs11 and its like show certificates of the key that last longer
// than its login certificate, and that Anaplan refuses.
func TestCertificatesThatAreNoLogins(t *testing.T) {
	library, a := hsmtest.BuildShim(t), hsmtest.RSAKey(t, "a")
	login, stranger := hsmtest.Named("login", 7), hsmtest.Named("attestation", 9)
	own, session, attests := hsmtest.Certify(t, a), hsmtest.Certify(t, a, hsmtest.Valid(-1, 9000)), hsmtest.Certify(t, a, attestation)
	for name, c := range map[string]struct {
		other *x509.Certificate
		order string
		note  string
	}{
		"attestation":    {attests, "", "it attests that its key was made on the device, and is not for logins"},
		"session object": {session, "sessionid=9", "the module makes it for each session, and the token does not store it"},
	} {
		t.Run(name, func(t *testing.T) {
			bare := hsmtest.NewToken(t)
			bare.Put(t, login.Private(a), stranger.Certificate(c.other))
			token := bare.Behind(t, library, c.order)
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
			_, err := hsm.Open(t.Context(), token.Address(t), options)
			wantError(t, "alone", err, hardware.ErrNoCertificate, c.note)
			listedWith(t, token, options, nil, c.note)

			bare.Put(t, login.Certificate(own))
			key := mustSign(t, token.Address(t), options, &a.PublicKey)
			if !key.Certificate().Equal(own) {
				t.Errorf("it logs in with the %s", hardware.Describe(key.Certificate()))
			}
			key.Close()
			listedWith(t, token, options, own, c.note)
			if _, err := hsm.Delete(t.Context(), token.Address(t, ";object=login"), options); err != nil {
				t.Error(err)
			}
			wantObjects(t, bare, [4]int{0, 0, 1, 0})
		})
	}
}

// listedWith checks that the one key is listed with this certificate, and the other with its note.
func listedWith(t *testing.T, token *hsmtest.Shim, options hsm.Options, own *x509.Certificate, note string) {
	t.Helper()
	tokens, err := hsm.List(t.Context(), token.Address(t), options)
	if err != nil || len(tokens) != 1 || len(tokens[0].Keys) != 1 {
		t.Fatalf("List = %+v, %v", tokens, err)
	}
	key := tokens[0].Keys[0]
	if (key.Certificate == nil) != (own == nil) || own != nil && !key.Certificate.Equal(own) {
		t.Errorf("listed with %v", key.Certificate)
	}
	if len(key.PassedOver) != 1 || key.PassedOver[0].Note != note || !key.PassedOver[0].NoLogin {
		t.Errorf("passed over %+v", key.PassedOver)
	}
	noted := 0
	for _, c := range tokens[0].Certificates {
		if c.Note == note {
			noted++
		}
	}
	if noted != 1 {
		t.Errorf("the note is told %d times: %+v", noted, tokens[0].Certificates)
	}
}
