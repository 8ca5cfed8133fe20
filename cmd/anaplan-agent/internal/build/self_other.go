//go:build !linux

package build

// Self returns where this program is. What Linux has below /proc is anybody's to make on another
// system: on Windows \proc is C:\proc.
func Self() string { return path() }
