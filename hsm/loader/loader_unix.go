//go:build cgo && !windows

package loader

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

// open_module loads a library. dlerror keeps its text per thread, so it is asked
// in the same call.
static void *open_module(const char *path, char **why) {
	void *handle = dlopen(path, RTLD_LAZY);
	if (handle == NULL) {
		const char *text = dlerror();
		*why = strdup(text == NULL ? "the loader does not say why" : text);
	}
	return handle;
}

static int is_module(void *handle) { return dlsym(handle, "C_GetFunctionList") != NULL; }
*/
import "C"

import (
	"errors"
	"strings"
	"unsafe"
)

// Probe loads the library at path and returns what unloads it. miekg/pkcs11 does not say why a
// library does not load, or that it is not a module.
func Probe(path string) (unload func(), err error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var why *C.char
	handle := C.open_module(name, &why)
	if handle == nil {
		defer C.free(unsafe.Pointer(why))
		return nil, errors.New(strings.TrimPrefix(C.GoString(why), path+": "))
	}
	unload = func() { C.dlclose(handle) }
	if C.is_module(handle) == 0 {
		unload()
		return nil, ErrNotModule
	}
	return unload, nil
}

// ForC returns a path as miekg/pkcs11 takes it.
func ForC(path string) string { return path }
