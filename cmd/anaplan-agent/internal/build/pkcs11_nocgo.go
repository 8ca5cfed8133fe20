//go:build !cgo

package build

// PKCS11Support is what version says of this build. It can do what needs no key:
// token --payload, whoami --token-from, logout, cert --certificate.
const PKCS11Support = "no, built without cgo"
