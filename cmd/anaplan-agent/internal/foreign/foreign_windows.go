package foreign

// Divert does nothing. A build without cgo loads no library but the system's own for smart cards. In
// one with cgo, modules are loaded in processes whose standard output is the program's for Go alone:
// device.WatchModules and frame.TakePipes see to that. It does not hold for a module that shares the
// program's C library (msvcrt.dll), which has opened both before.
func Divert() error { return nil }

// Hide does nothing, either.
func Hide() error { return nil }
