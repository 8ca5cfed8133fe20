package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Clear removes what an agent has left at Path that could not do so itself, because it was
// killed or the power went: the file, and others that were to become it. The token in it may
// have ended long ago. What no agent has written stays: anything that is not a file with one
// line. It is for an agent that begins, and must not be called by two for one Path.
func (f *File) Clear() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	directory, name := filepath.Split(f.Path)
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil // Write will say so
	}
	var failures []error
	for _, entry := range entries {
		path := filepath.Join(directory, entry.Name())
		if entry.Name() == name && isLine(path) || isUnfinished(entry, name) {
			failures = append(failures, os.Remove(path))
		}
	}
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("token file: what an agent has left before this one: %w (%s; it holds a token: remove it by hand)", err, remedyFor(err))
	}
	return nil
}

// isUnfinished reports whether a file was to become the one of that name.
func isUnfinished(entry fs.DirEntry, name string) bool {
	return entry.Type().IsRegular() && strings.HasPrefix(entry.Name(), "."+name+".") && strings.HasSuffix(entry.Name(), ".tmp")
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
