//go:build cgo

package build

// PKCS11Support is what version says of this build.
const PKCS11Support = "yes"
