//go:build !linux && (cgo || windows)

package piv

// libraryFailure returns why PC/SC's library cannot be loaded: elsewhere it is part of
// the system.
func libraryFailure() string { return "" }
