package atomicfile

// Explain is what is said of a file that was not written.
func Explain(path string, err error) error { return target{named: path, path: path}.explain(err) }

// LinkNew is what gives new files their names where the system has no single step for it.
var LinkNew = linkNew
