//go:build cgo && windows

package hsm

// #include <stdlib.h>
import "C"

import (
	"syscall"
	"unsafe"
)

// probe loads the library at path and returns what unloads it. miekg/pkcs11
// says neither why a library does not load nor that it is no module.
func probe(path string) (unload func(), err error) {
	handle, err := syscall.LoadLibrary(path)
	if err != nil {
		return nil, err
	}
	unload = func() { syscall.FreeLibrary(handle) }
	if _, err := syscall.GetProcAddress(handle, "C_GetFunctionList"); err != nil {
		unload()
		return nil, errNotModule
	}
	return unload, nil
}

// cString returns a C string and what frees it.
func cString(text string) (at unsafe.Pointer, free func()) {
	at = unsafe.Pointer(C.CString(text))
	return at, func() { C.free(at) }
}
