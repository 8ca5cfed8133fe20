//go:build !unix && !windows

package locked

import "errors"

// newPage returns memory that cannot be locked.
func newPage(size int) []byte { return make([]byte, size) }

// dropPage has nothing to do.
func dropPage([]byte) {}

// Check returns why memory cannot be locked; nil if it can.
func Check() error { return errors.ErrUnsupported }
