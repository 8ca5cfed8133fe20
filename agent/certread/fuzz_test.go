package certread_test

import (
	"bytes"
	"crypto/x509"
	"reflect"
	"slices"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/certtest"
)

// FuzzParse: what crypto/x509 reads comes out as from there; what was mended is the same when it is
// read again, has the bytes that went in, has its faults told, and passes no chain.
func FuzzParse(f *testing.F) {
	f.Add(certtest.Make(public(), nil))
	for _, odd := range certtest.Odds() {
		f.Add(odd.Make(public()))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cert, err := certread.Parse(data)
		strict, refused := x509.ParseCertificate(data)
		if refused == nil && strict.Version == 3 && (err != nil || !reflect.DeepEqual(cert, strict)) {
			t.Fatalf("crypto/x509 reads it, and: %v", err)
		}
		if err != nil {
			if cert != nil || len(err.Error()) > 100 {
				t.Fatalf("a certificate with %v", err)
			}
			return
		}
		if len(cert.Raw) > len(data)+8*len(data) || cert.SerialNumber == nil {
			t.Fatalf("%d bytes of %d", len(cert.Raw), len(data))
		}
		again, err := certread.Parse(cert.Raw)
		if err != nil || !bytes.Equal(again.Raw, cert.Raw) || !slices.Equal(again.EmailAddresses, cert.EmailAddresses) || !reflect.DeepEqual(again.PublicKey, cert.PublicKey) {
			t.Fatalf("read again: %v", err)
		}
		faults := certread.Faults(cert)
		if _, err := x509.ParseCertificate(cert.Raw); err != nil {
			if _, err := cert.Verify(x509.VerifyOptions{Roots: x509.NewCertPool()}); err == nil || len(faults) == 0 && certread.KeyName(cert) == "" {
				t.Fatalf("verified: %v, faults %q", err, faults)
			}
		}
	})
}
