package certlint_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
	"github.com/anaplan-agent/anaplan-agent/agent/certlint"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
)

// FuzzCheck: whatever a certificate and a chain hold, each finding is a line for a person, and all
// of them together are a text.
func FuzzCheck(f *testing.F) {
	files, err := filepath.Glob("../certfile/testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if certs, err := certfile.Certificates(data); err == nil {
			f.Add(certs[0].Raw, certs[len(certs)-1].Raw, today.Unix())
			f.Add(certs[0].Raw, bytes.Join([][]byte{certs[0].Raw, certs[0].Raw}, nil), int64(0))
		}
	}
	for _, template := range []*x509.Certificate{
		{SerialNumber: big.NewInt(1)},
		{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a\nb\x1b[31m\u202e"}, EmailAddresses: []string{"Robot <robot@example.com>", "x@y"}},
		{SerialNumber: big.NewInt(1), NotBefore: today, NotAfter: today.AddDate(7000, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: 511, OCSPServer: []string{"http://\x7f"}, CRLDistributionPoints: []string{"ldap://x"}},
	} {
		der := issue(f, nil, robotKey(), template).Raw
		f.Add(der, der, today.Unix())
	}
	f.Fuzz(func(t *testing.T, der, chain []byte, unix int64) {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		issuers, _ := x509.ParseCertificates(chain)
		now := time.Unix(unix%(1<<38), 0)
		found := certlint.Check(cert, issuers, now)
		if len(found) == 0 {
			t.Error("nothing is found, not even what is well")
		}
		for _, one := range found {
			checkFinding(t, one)
		}
		text := certlint.Explain(cert, issuers, now)
		if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Errorf("the text is not for a terminal: %q", text)
		}
	})
}

// checkFinding fails for what cannot be shown in a line.
func checkFinding(t *testing.T, one finding.Finding) {
	if one.Check == "" || one.What == "" || one.Severity > finding.Warning && one.Do == "" {
		t.Errorf("it says too little: %+v", one)
	}
	for _, text := range []string{one.Check, one.What, one.Do} {
		if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || len(text) > 4000 {
			t.Errorf("this is not a line: %q", text)
		}
	}
}
