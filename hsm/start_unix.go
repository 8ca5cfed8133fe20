//go:build cgo && !windows

package hsm

/*
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>

// The beginning of CK_FUNCTION_LIST (PKCS#11 section 3.6): the version, and C_Initialize.
struct functions {
	unsigned char version[2];
	unsigned long (*initialize)(void *);
};

static unsigned long start_bare(const char *path) {
	unsigned long failed = 5; // CKR_GENERAL_ERROR
	struct functions *functions = NULL;
	void *handle = dlopen(path, RTLD_LAZY);
	if (handle == NULL)
		return failed;
	unsigned long (*list)(struct functions **) = (unsigned long (*)(struct functions **))dlsym(handle, "C_GetFunctionList");
	if (list != NULL && list(&functions) == 0)
		failed = functions->initialize(NULL);
	dlclose(handle); // which only counts: the module stays loaded
	return failed;
}

static void save_pipe(struct sigaction *action) { sigaction(SIGPIPE, NULL, action); }
static void restore_pipe(const struct sigaction *action) { sigaction(SIGPIPE, action, NULL); }
*/
import "C"

import (
	"os"
	"unsafe"

	"github.com/miekg/pkcs11"
)

// startBare calls C_Initialize without arguments, which miekg/pkcs11 does not, for a module that
// it has loaded.
func startBare(path string) error {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	if rv := C.start_bare(name); rv != pkcs11.CKR_OK {
		return pkcs11.Error(rv)
	}
	return nil
}

// keepProcess returns what undoes the changes that modules make to the process when they start:
// one that resets SIGPIPE would have it die of a connection that breaks, and one that changes
// the directory would have it look for its files elsewhere.
func keepProcess() (restore func()) {
	pipe := new(C.struct_sigaction)
	C.save_pipe(pipe)
	before, err := os.Getwd()
	return func() {
		C.restore_pipe(pipe)
		if now, _ := os.Getwd(); err == nil && now != before {
			_ = os.Chdir(before)
		}
	}
}
