//go:build !unix && !windows

package owned

// Check refuses nothing here.
func Check(string) error { return nil }
