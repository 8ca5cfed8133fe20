//go:build !linux

package daemon

// forgetCode has nothing to do where the system takes unused code out of memory by itself,
// or does not count it.
func forgetCode() {}
