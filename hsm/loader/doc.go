// Package loader does with a PKCS#11 library what miekg/pkcs11 does not: it says why one does not load,
// calls its functions in ways that odd modules want, and undoes what they do to the process. Package
// hsm uses it. Without cgo there is nothing in it but its error.
package loader

import "errors"

// ErrNotModule: somebody gave the path of some other library.
var ErrNotModule = errors.New("it is a library, but not a PKCS#11 module (it has no C_GetFunctionList)")
