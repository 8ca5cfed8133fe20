//go:build cgo

package loader

// #include <stdlib.h>
import "C"

import "unsafe"

// CString returns text as a C string, for C code that may keep the pointer as long
// as the process lives. So nothing ever frees it.
func CString(text string) unsafe.Pointer { return unsafe.Pointer(C.CString(text)) }
