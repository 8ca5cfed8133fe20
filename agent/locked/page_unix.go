//go:build unix

package locked

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// newPage returns memory of size bytes outside of Go's heap, locked as far as the limits
// allow.
func newPage(size int) []byte {
	page, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return make([]byte, size) // which Munmap does not know, and leaves alone
	}
	unix.Mlock(page) // see the package
	return page
}

// dropPage gives memory back.
func dropPage(page []byte) { unix.Munmap(page) }

// Check returns why memory cannot be locked; nil if it can.
func Check() error {
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	defer unix.Munmap(page)
	if err := unix.Mlock(page); err != nil {
		return fmt.Errorf("locking a page of memory: %w", err)
	}
	return nil
}
