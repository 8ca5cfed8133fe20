//go:build unix && !linux

package owned

// hasACL is false. macOS keeps lists beside the mode, which does not tell of them.
func hasACL(string) bool { return false }

// isUnmapped is false: there are no user namespaces.
func isUnmapped(int) bool { return false }

func isOverflow(int) bool { return false }

func inNamespace() bool { return false }
