package launchd

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// Sockets returns what launchd listens on for this process under a name of the Sockets in its file;
// nil if it is not launchd that has started this process, or its file has no such name. It can be
// asked once.
//
// It was written by launch(3), its types are checked, and its program is linked: it was not run.
func Sockets(name string) ([]*os.File, error) {
	text, err := syscall.BytePtrFromString(name)
	if err != nil {
		return nil, err
	}
	var list *int32 // of malloc; it stays, for it is a few bytes and made once
	var count uintptr
	failed, _, _ := call(activateSocket, uintptr(unsafe.Pointer(text)), uintptr(unsafe.Pointer(&list)), uintptr(unsafe.Pointer(&count)))
	switch errno := syscall.Errno(uint32(failed)); errno {
	case 0:
	case syscall.ESRCH, syscall.ENOENT: // not launchd's; no such name
		return nil, nil
	default: // EALREADY among them
		return nil, fmt.Errorf("asking launchd for the socket: %w", errno)
	}
	var files []*os.File
	for _, descriptor := range unsafe.Slice(list, count) {
		syscall.CloseOnExec(int(descriptor))
		files = append(files, os.NewFile(uintptr(descriptor), name))
	}
	return files, nil
}

// activateSocket is launch_activate_socket(3) of libSystem, called without cgo as
// golang.org/x/sys/unix calls other functions of it.
var activateSocket uintptr

//go:cgo_import_dynamic libc_launch_activate_socket launch_activate_socket "/usr/lib/libSystem.B.dylib"

// call is the Go runtime's (runtime/sys_darwin.go).
//
//go:linkname call syscall.syscall
func call(function, a1, a2, a3 uintptr) (r1, r2 uintptr, err syscall.Errno)
