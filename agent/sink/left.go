package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
)

// Clear removes what an agent has left at Path that could not do so itself, because it was
// killed or the power went: the file, and others that were to become it. The token in it may
// have ended long ago. What no agent has written stays: anything that is not a file with one
// line. It is for an agent that begins, and must not be called by two for one Path.
func (f *File) Clear() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	atomicfile.Sweep(f.Path)
	path, err := atomicfile.Resolve(f.Path)
	if err != nil || !isLine(path) {
		return nil // what is wrong with the path Write will say
	}
	if err := f.clear(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; an agent before this one has left it, and it holds a token: remove it by hand", failed(err))
	}
	return nil
}

// isLine reports whether a regular file holds one line that is not too long for a token, or
// cannot be looked into.
func isLine(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > lineSize {
		return false
	}
	text, err := os.ReadFile(path)
	defer clear(text)
	return err != nil || bytes.IndexByte(text, '\n') == len(text)-1 && !bytes.ContainsAny(text, " \t\r")
}
