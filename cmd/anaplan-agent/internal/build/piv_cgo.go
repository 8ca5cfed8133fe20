//go:build cgo || windows

package build

// PIVSupport is what version says of this build.
const PIVSupport = "yes"
