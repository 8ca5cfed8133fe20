package foreign

// Divert does nothing: the program for Windows is built without cgo, and loads no library but
// the system's own for smart cards. A build with cgo leaves modules their standard output.
func Divert() error { return nil }

// Hide does nothing, either.
func Hide() error { return nil }
