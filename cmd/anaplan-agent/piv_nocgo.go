//go:build !cgo && !windows

package main

// pivSupport is what version says of this build; see pkcs11Support for what it can do.
const pivSupport = "no, built without cgo"
