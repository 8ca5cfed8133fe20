//go:build cgo && windows

package hsm

import "syscall"

// probe loads the library at path and returns what unloads it. miekg/pkcs11 does not say why a
// library does not load, or that it is not a module.
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
