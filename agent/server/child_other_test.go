//go:build !linux

package server_test

// children is what the test binary does as another process.
var children map[string]func(args []string) error
