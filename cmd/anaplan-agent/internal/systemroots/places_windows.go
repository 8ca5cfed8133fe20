package systemroots

import (
	"crypto/x509"
	"encoding/pem"
	"unsafe"

	"golang.org/x/sys/windows"
)

// PEM returns the certificates that Windows trusts, in PEM. It fetches some of Microsoft's
// only when they are first needed: those are not among them.
func PEM() (bundle []byte) {
	name, err := windows.UTF16PtrFromString("ROOT")
	if err != nil {
		return nil
	}
	store, err := windows.CertOpenSystemStore(0, name)
	if err != nil {
		return nil
	}
	defer windows.CertCloseStore(store, 0)
	var context *windows.CertContext
	for {
		// It frees the one before; at the end it returns nil and an error.
		if context, _ = windows.CertEnumCertificatesInStore(store, context); context == nil {
			return bundle
		}
		der := unsafe.Slice(context.EncodedCert, context.Length)
		bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
}

// Bundle returns nil: Windows itself is asked.
func Bundle() *x509.CertPool { return nil }
