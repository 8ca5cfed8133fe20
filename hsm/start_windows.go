//go:build cgo && windows

package hsm

import "github.com/miekg/pkcs11"

// startBare would call C_Initialize without arguments. No module on Windows is known to want that.
func startBare(string) error { return pkcs11.Error(pkcs11.CKR_ARGUMENTS_BAD) }

// keepProcess has nothing to undo: there is no SIGPIPE.
func keepProcess() (restore func()) { return func() {} }
