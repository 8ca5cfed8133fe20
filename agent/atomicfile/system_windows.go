package atomicfile

import (
	"io/fs"
	"os"
)

// openThrough is for FIFOs, which Windows has not.
const openThrough = 0

// descriptor is one of this process, of which Windows has no names.
type descriptor struct{}

func descriptorAt(string) *descriptor { return nil }

func (d *descriptor) duplicate() (*os.File, error) { return nil, errNotOpen }

// checkPlanted does nothing: there is no directory that everybody may write in.
func checkPlanted(string, fs.FileInfo) error { return nil }

// claim does nothing: a file that is open cannot be removed.
func claim(*os.File) bool { return true }

// openOwn opens nothing: a file of a known name could be somebody else's, and is not gone on with.
func openOwn(string) (*os.File, error) { return nil, errChanged }

// removeLeft removes a file that no process has open.
func removeLeft(path string) { os.Remove(path) }

// syncDirectory does nothing: Windows brings names to the disk by itself.
func syncDirectory(string) error { return nil }
