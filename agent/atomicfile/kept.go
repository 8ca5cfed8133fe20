package atomicfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// keptName is the name of the file beside that is kept. It tells what it is of.
func (f *File) keptName() string {
	sum := sha256.Sum256([]byte(f.options.Kept))
	return prefix(f.target.path) + "kept-" + hex.EncodeToString(sum[:8])
}

// isKept reports whether what is written is kept where it does not become complete.
func (f *File) isKept() bool {
	return f.options.Kept != "" && f.file != nil && filepath.Base(f.file.Name()) == f.keptName()
}

// openKept opens the file that is kept, or makes it; nil if there cannot be one, and another file
// has to do.
func (f *File) openKept(name string) *os.File {
	file, err := makeNew(name, f.firstMode())
	if errors.Is(err, fs.ErrExist) {
		file, err = openOwn(name)
	}
	if err != nil {
		return nil
	}
	if !claim(file) { // somebody else is writing the same
		file.Close()
		return nil
	}
	if f.had, err = file.Seek(0, io.SeekEnd); err != nil {
		file.Close()
		return nil
	}
	return file
}

// Had returns how many bytes were kept. What is written goes behind them, unless Truncate takes
// some away.
func (f *File) Had() int64 { return f.had }

// ReadAt reads what was written, where anything can be kept.
func (f *File) ReadAt(p []byte, offset int64) (int, error) {
	if f.isKept() {
		return f.file.ReadAt(p, offset)
	}
	return 0, io.EOF
}

// Truncate takes away what was kept behind so many bytes.
func (f *File) Truncate(size int64) error {
	if !f.isKept() {
		return nil
	}
	f.had = size
	err := f.file.Truncate(size)
	if err == nil {
		_, err = f.file.Seek(size, io.SeekStart)
	}
	if err != nil {
		return f.target.explain(err)
	}
	return nil
}

// Sync brings what was written to the disk, so that a note can say that it is there.
func (f *File) Sync() error {
	if !f.isKept() {
		return nil
	}
	if err := f.file.Sync(); err != nil {
		return f.target.explain(err)
	}
	return nil
}

// Note returns the path of a file in which the writer may note what it needs to go on. It goes with
// what is kept. "": nothing is kept.
func (f *File) Note() string {
	if !f.isKept() {
		return ""
	}
	return f.file.Name() + ".json"
}
