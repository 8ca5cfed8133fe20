//go:build unix

package intercepted

// systemRoots returns the certificates that programs of this system trust, in PEM: of one file, or of one
// directory, at the places where systems have them (as crypto/x509 knows them). nil if there are
// none: then other hosts than Anaplan's are not trusted, which they were not before.
func systemRoots() []byte {
	for _, path := range []string{
		"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Alpine, Arch
		"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL to 9
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL
		"/etc/ssl/ca-bundle.pem",                            // SUSE
		"/etc/ssl/cert.pem",                                 // Alpine, macOS, BSD
		"/etc/ssl/certs",
		"/etc/pki/tls/certs",
	} {
		if bundle, err := readCertificates(path); err == nil && len(bundle) > 0 {
			return bundle
		}
	}
	return nil
}
