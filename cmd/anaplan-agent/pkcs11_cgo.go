//go:build cgo

package main

// pkcs11Support is what version says of this build.
const pkcs11Support = "yes"
