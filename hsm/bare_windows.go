//go:build cgo && windows

package hsm

import "github.com/miekg/pkcs11"

// startBare would call C_Initialize without arguments. No module on Windows is known to want that.
func startBare(string) error { return pkcs11.Error(pkcs11.CKR_ARGUMENTS_BAD) }

// signInto would call C_Sign with room for the signature; nor is one known to want this.
func signInto(string, uint, []byte, []byte) ([]byte, error) {
	return nil, pkcs11.Error(pkcs11.CKR_OPERATION_NOT_INITIALIZED)
}

// keepProcess has nothing to undo: there is no SIGPIPE.
func keepProcess() (restore func()) { return func() {} }
