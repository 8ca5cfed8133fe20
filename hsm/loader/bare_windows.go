//go:build cgo && windows

package loader

import "github.com/miekg/pkcs11"

// StartBare would call C_Initialize without arguments. No module on Windows is known to want that.
func StartBare(string) error { return pkcs11.Error(pkcs11.CKR_ARGUMENTS_BAD) }

// SignInto would call C_Sign with room for the signature; nor is one known to want this.
func SignInto(string, uint, []byte, []byte) ([]byte, error) {
	return nil, pkcs11.Error(pkcs11.CKR_OPERATION_NOT_INITIALIZED)
}

// KeepProcess has nothing to undo: there is no SIGPIPE.
func KeepProcess() (restore func()) { return func() {} }
