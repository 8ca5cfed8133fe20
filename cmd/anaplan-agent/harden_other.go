//go:build !linux

package main

// harden has nothing to do on macOS and Windows, where core dumps are off by default.
func harden() {}
