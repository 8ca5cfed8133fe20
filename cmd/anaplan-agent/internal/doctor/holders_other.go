//go:build !linux

package doctor

// holders names who has a device, where the system shows that.
func holders(string, []uint64) string { return "" }

// lockFiles returns what holders knows locks by.
func lockFiles(string) []uint64 { return nil }
