//go:build linux

package systemroots_test

import (
	"crypto/x509"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/systemroots"
)

// TestBundle: it has what this system keeps together, and stands back where the user names places.
func TestBundle(t *testing.T) {
	t.Setenv("SSL_CERT_FILE", "")
	t.Setenv("SSL_CERT_DIR", "")
	want := x509.NewCertPool()
	if !want.AppendCertsFromPEM(systemroots.PEM()) {
		t.Fatal("this system has no CA certificates")
	}
	if got := systemroots.Bundle(); got == nil || !got.Equal(want) {
		t.Errorf("the bundle has other certificates than the system")
	}
	for _, variable := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		t.Setenv(variable, "/named/by/the/user")
		if systemroots.Bundle() != nil {
			t.Errorf("%s is not heeded", variable)
		}
		t.Setenv(variable, "")
	}
}
