package locked

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// newPage returns memory of size bytes, locked as far as the limits allow. It is of Go's
// heap, which does not move what lies there, and which gives a page's worth of memory a
// page of its own.
func newPage(size int) []byte {
	page := make([]byte, size)
	windows.VirtualLock(uintptr(unsafe.Pointer(&page[0])), uintptr(size)) // see the package
	return page
}

// dropPage unlocks memory.
func dropPage(page []byte) {
	windows.VirtualUnlock(uintptr(unsafe.Pointer(&page[0])), uintptr(len(page)))
}

// Check returns why memory cannot be locked. A page or two always can.
func Check() error { return nil }
