//go:build !linux

package main

// harden has nothing to do where core dumps are off unless somebody asks, which
// macOS and Windows have by default.
func harden() {}
