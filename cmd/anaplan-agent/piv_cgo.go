//go:build cgo || windows

package main

// pivSupport is what version says of this build.
const pivSupport = "yes"
