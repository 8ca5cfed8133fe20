//go:build !cgo || windows

package console

// stdoutClosed cannot be told after the Go runtime has started: a closed descriptor
// is /dev/null by then, which a user may have meant.
func stdoutClosed() bool { return false }
