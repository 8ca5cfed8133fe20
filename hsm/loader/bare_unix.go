//go:build cgo && !windows

package loader

/*
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>

// The beginning of CK_FUNCTION_LIST (PKCS#11 section 3.6): the version, C_Initialize, and then up to C_Sign.
struct functions {
	unsigned char version[2];
	unsigned long (*initialize)(void *);
	void (*others[42])(void);
	unsigned long (*sign)(unsigned long, unsigned char *, unsigned long, unsigned char *, unsigned long *);
};

// functions_of returns the functions of a module that is loaded, and stays so.
static struct functions *functions_of(const char *path) {
	struct functions *functions = NULL;
	void *handle = dlopen(path, RTLD_LAZY);
	if (handle == NULL)
		return NULL;
	unsigned long (*list)(struct functions **) = (unsigned long (*)(struct functions **))dlsym(handle, "C_GetFunctionList");
	if (list != NULL && list(&functions) != 0)
		functions = NULL;
	dlclose(handle); // which only counts
	return functions;
}

#define GENERAL_ERROR 5 // CKR_GENERAL_ERROR

static unsigned long start_bare(const char *path) {
	struct functions *functions = functions_of(path);
	return functions == NULL ? GENERAL_ERROR : functions->initialize(NULL);
}

static unsigned long sign_into(const char *path, unsigned long session, unsigned char *data, unsigned long n, unsigned char *signature, unsigned long *m) {
	struct functions *functions = functions_of(path);
	return functions == NULL ? GENERAL_ERROR : functions->sign(session, data, n, signature, m);
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

// StartBare calls C_Initialize without arguments, which miekg/pkcs11 does not, for a module that
// it has loaded.
func StartBare(path string) error {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	if rv := C.start_bare(name); rv != pkcs11.CKR_OK {
		return pkcs11.Error(rv)
	}
	return nil
}

// SignInto calls C_Sign with room for the signature, of a module that miekg/pkcs11 has loaded. It
// returns the part of room that was used.
func SignInto(path string, session uint, data, room []byte) ([]byte, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	used := C.ulong(len(room))
	rv := C.sign_into(name, C.ulong(session), (*C.uchar)(&data[0]), C.ulong(len(data)), (*C.uchar)(&room[0]), &used)
	if rv != pkcs11.CKR_OK {
		return nil, pkcs11.Error(rv)
	}
	return room[:min(int(used), len(room))], nil
}

// KeepProcess returns what undoes the changes that modules make to the process when they start:
// one that resets SIGPIPE would have it die of a connection that breaks, and one that changes
// the directory would have it look for its files elsewhere.
func KeepProcess() (restore func()) {
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
