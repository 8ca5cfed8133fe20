package certlint_test

import (
	"crypto/x509"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/certlint"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden texts again")

func TestExplain(t *testing.T) {
	pki := newAuthorities(t)
	bad := &x509.Certificate{
		SerialNumber: big.NewInt(5), Subject: ca("robot@example.com").Subject, NotBefore: today.Add(-400 * day), NotAfter: today.Add(-35 * day),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageKeyEncipherment, DNSNames: []string{"example.com"},
	}
	several := robot()
	several.EmailAddresses = append(several.EmailAddresses, "other@example.com")
	several.OCSPServer = nil
	tests := []struct {
		name  string
		cert  *x509.Certificate
		chain []*x509.Certificate
	}{
		{"good", issue(t, pki.by, robotKey(), robot()), []*x509.Certificate{pki.root, pki.issuing}},
		{"bad", issue(t, pki.by, robotKey(), bad), nil},
		{"several-addresses", issue(t, pki.by, robotKey(), several), []*x509.Certificate{pki.issuing}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := certlint.Explain(test.cert, test.chain, today)
			path := filepath.Join("testdata", test.name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("text (-want +got; -update writes it again):\n%s", diff)
			}
		})
	}
}
