package atomicfile

// LinkNew is what gives new files their names where the system has no single step for it.
var LinkNew = linkNew
