package certlint_test

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/certlint"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
)

func ExampleCheck() {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	cert := &x509.Certificate{ // as read from a file
		Subject: pkix.Name{CommonName: "robot@example.com"}, RawSubject: []byte("robot"), RawIssuer: []byte("CA"),
		NotBefore: now, NotAfter: now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		PublicKey:  &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537},
		OCSPServer: []string{"http://ocsp.example.com"}, SignatureAlgorithm: x509.SHA256WithRSA,
	}
	for _, f := range certlint.Check(cert, nil, now) {
		if f.Severity == finding.Error {
			fmt.Printf("%s: %s\n%s\n", f.Check, f.What, f.Do)
		}
	}
	// Output:
	// certificate.email: it has no e-mail address in the subject alternative name or the subject, by which Anaplan finds the user; that its common name, robot@example.com, looks like one does not count
	// ask the CA for one with the Anaplan user's e-mail address in the subject alternative name (rfc822Name)
}
