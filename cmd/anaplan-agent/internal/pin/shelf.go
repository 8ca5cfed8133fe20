package pin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/gofrs/flock"
)

// shelf is the directory of the notes. What it writes is on the disk when it returns, unless the
// caller says that this does not matter.
type shelf string

// A note has two lines. The first, padded to a sector of a disk, is what changes at each
// login: written in place it costs one write to the disk, and a power cut leaves the old or
// the new one. The second changes seldom, and then the file is replaced.
const sector = 512

// errTooLong says that a note does not fit. All of this program's do.
var errTooLong = errors.New("the first line of the note is too long")

func (s shelf) path(name string) string { return filepath.Join(string(s), name) }

// read returns a note; false if there is none. A directory that is not there, or out of
// reach, has none. The error is a *DoubtError.
func (s shelf) read(name string) (n note, ok bool, err error) {
	if s == "" {
		return note{}, false, nil
	}
	data, err := readRegular(s.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), err != nil && !s.isReachable():
		return note{}, false, nil
	case err == nil:
		n, err = parseNote(data)
	}
	if err != nil {
		return note{}, false, &DoubtError{Path: s.path(name), Err: err}
	}
	return n, true, nil
}

// errNotRegular says that there is something else in the place of a note.
var errNotRegular = errors.New("it is not a regular file")

// readRegular reads a file, and does not wait for what is not one.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func (s shelf) isReachable() bool {
	_, err := os.Stat(string(s))
	return err == nil
}

// parseNote reads what write wrote, and the notes of versions before 1.0, which knew
// refusals only and no marks.
func parseNote(data []byte) (n note, err error) {
	first, second, _ := bytes.Cut(data, []byte("\n"))
	if err := json.Unmarshal(first, &n); err != nil {
		return note{}, err
	}
	if len(bytes.TrimSpace(second)) > 0 {
		err = json.Unmarshal(second, &n.about)
	}
	if n.State == "" {
		n.State = stateRefused
		err = errors.Join(err, json.Unmarshal(first, &n.about))
	}
	if n.Time.IsZero() || n.about.Source == "" {
		err = errors.Join(err, errNotANote)
	}
	return n, err
}

// errNotANote says that a file holds something else.
var errNotANote = errors.New("it is not a note of this program")

// write writes a note. before is what is there; nil if nothing is. durable: it must be on the
// disk when write returns.
func (s shelf) write(name string, n note, before *note, durable bool) error {
	if s == "" {
		return errNoDirectory
	}
	first, err := n.firstLine()
	if err != nil {
		return err
	}
	if before != nil && before.about.equal(n.about) {
		err := s.overwrite(name, first, durable)
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	second, err := json.Marshal(n.about)
	if err != nil {
		return err
	}
	err = s.replace(name, append(slices.Clone(first), append(second, '\n')...))
	if err != nil && before != nil && s.overwrite(name, first, true) == nil {
		return nil // a full disk; what changes seldom stays as it was
	}
	return err
}

// lock lets one process at a time send a PIN of that note. ctx governs the wait. The kernel
// lets go of it when the process ends, however it does; the file stays.
func (s shelf) lock(ctx context.Context, name string) (unlock func(), err error) {
	if s == "" {
		return nil, errNoDirectory
	}
	if err := atomicfile.MkdirAll(string(s), 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(s.path(name) + ".lock")
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return nil, err
	}
	return func() { lock.Unlock() }, nil
}

// lockPoll is how often a lock is tried.
const lockPoll = 5 * time.Millisecond

// errNoDirectory says that there is no home, so nothing can be written down.
var errNoDirectory = errors.New("there is no state directory: neither HOME nor XDG_STATE_HOME is set")

// firstLine returns the first line, as long as a sector.
func (n note) firstLine() ([]byte, error) {
	text, err := json.Marshal(n)
	if err == nil && len(text) >= sector {
		err = errTooLong
	}
	if err != nil {
		return nil, err
	}
	line := bytes.Repeat([]byte(" "), sector)
	copy(line, text)
	line[sector-1] = '\n'
	return line, nil
}

// overwrite writes the first line over the one that is there.
func (s shelf) overwrite(name string, line []byte, durable bool) error {
	file, err := os.OpenFile(s.path(name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Size() < sector {
		return fs.ErrNotExist // of an older form
	}
	if _, err := file.WriteAt(line, 0); err != nil {
		return err
	}
	if !durable {
		return nil
	}
	return syncData(file)
}

// replace puts a whole file in the place of what is there.
func (s shelf) replace(name string, data []byte) error {
	if err := atomicfile.MkdirAll(string(s), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(s.path(name), data, atomicfile.Options{})
}
