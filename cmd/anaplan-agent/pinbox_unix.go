//go:build unix

package main

import "golang.org/x/sys/unix"

// freePage gives a page back.
func freePage(page []byte) { unix.Munmap(page) }

// lockedPage returns memory of at least size bytes outside of Go's heap, locked as far as
// the limits allow (mlock(2), RLIMIT_MEMLOCK).
func lockedPage(size int) []byte {
	page, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return make([]byte, size) // which Munmap does not know, and leaves alone
	}
	unix.Mlock(page) // what fails leaves the PIN as safe as in any other program
	return page
}
