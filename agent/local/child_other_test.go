//go:build !linux

package local_test

// children is what the test binary does as another process.
var children map[string]func(args []string) error
