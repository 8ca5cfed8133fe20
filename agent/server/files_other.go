//go:build !unix

package server

import (
	"math"
)

// openFiles returns how many files the process may have open: there is no such limit.
func openFiles() int { return math.MaxInt32 }
