package main

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// freePage unlocks a page.
func freePage(page []byte) {
	windows.VirtualUnlock(uintptr(unsafe.Pointer(&page[0])), uintptr(len(page)))
}

// lockedPage returns memory of size bytes, locked as far as the limits allow (VirtualLock).
// It is of Go's heap, which does not move what lies there.
func lockedPage(size int) []byte {
	page := make([]byte, size)
	windows.VirtualLock(uintptr(unsafe.Pointer(&page[0])), uintptr(size)) // what fails leaves the PIN as safe as in any other program
	return page
}
