//go:build !cgo && !windows

package build

// PIVSupport is what version says of this build; see PKCS11Support for what it can do.
const PIVSupport = "no, built without cgo"
