//go:build unix

package systemroots

import (
	"crypto/x509"
	"os"
	"runtime"
)

// files returns where systems keep the certificates together, as crypto/x509 knows them.
func files() []string {
	return []string{
		"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Alpine, Arch
		"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL to 9
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL
		"/etc/ssl/ca-bundle.pem",                            // SUSE
		"/etc/ssl/cert.pem",                                 // Alpine, macOS, BSD
	}
}

// PEM returns the certificates of one file, or of one directory. nil if there are none: then other
// hosts than Anaplan's are not trusted, which they were not before.
func PEM() []byte {
	for _, path := range append(files(), "/etc/ssl/certs", "/etc/pki/tls/certs") {
		if bundle, err := Read(path); err == nil && len(bundle) > 0 {
			return bundle
		}
	}
	return nil
}

// Bundle returns the certificates of the file that a system keeps them together in; nil where it has
// no such file, or the user names other places, or (macOS) the system itself is asked.
// x509.SystemCertPool reads the directory besides, a file for each of them, which takes longer than
// all the rest of a login.
func Bundle() *x509.CertPool {
	if runtime.GOOS == "darwin" || os.Getenv("SSL_CERT_FILE") != "" || os.Getenv("SSL_CERT_DIR") != "" {
		return nil
	}
	for _, path := range files() {
		text, err := os.ReadFile(path)
		if pool := x509.NewCertPool(); err == nil && pool.AppendCertsFromPEM(text) {
			return pool
		}
	}
	return nil
}
