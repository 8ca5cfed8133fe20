package atomicfile

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Options say how a file is written.
type Options struct {
	// Mode is the permissions of a new file, less the umask. 0: 0600.
	Mode fs.FileMode

	// New refuses to replace a regular file, or to follow a link to where none is, with an
	// error that is [fs.ErrExist].
	New bool

	// Like names a file whose permissions and owner a new file gets, as far as the caller may
	// give them away; else it is the caller's alone. "": none.
	Like string

	// Kept names what is written, as a download by what it is of. Then Discard keeps the file beside,
	// as the end of the process does, and the next one that writes the same to the same place goes
	// on with it: [File.Had] says how much there is. What is kept of anything else goes. "": nothing
	// is kept. On Windows nothing is.
	Kept string

	// Give sets permissions and owner of the complete file, in place of those of the file
	// that is there, as [Private] does. nil: they are kept.
	Give func(*os.File) error
}

// File is a file that is being written. It is there once Commit has returned nil. One of
// Commit and Discard must be called.
type File struct {
	target  target
	options Options
	file    *os.File    // beside the target, or the thing itself; nil: spool is written to
	spool   *spool      // what goes into place at the end; nil: file
	had     int64       // bytes that were kept
	written fs.FileInfo // after Commit
}

// Write replaces a file by data, or makes it. Nobody is waited for: a FIFO without a reader is
// an error.
func Write(path string, data []byte, options Options) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errNoReader)
	file, err := Create(ctx, path, options)
	if err != nil {
		return err
	}
	return file.Finish(data)
}

// Private makes a file one that only its owner can read and write, for [Options.Give]; on Windows
// the system and administrators as well.
func Private(file *os.File) error { return Chmod(file, 0o600) }

// IsThrough reports whether a path leads to something that is not a regular file, so that
// writing replaces nothing. A directory is not such a thing.
func IsThrough(path string) bool {
	t, err := locate(path)
	return err == nil && t.isThrough() && (t.info == nil || !t.info.IsDir())
}

// Create begins to write a file. ctx governs the wait for somebody to read a FIFO, and nothing
// else. Errors name the path, the cause and what can be done.
func Create(ctx context.Context, path string, options Options) (*File, error) {
	t, err := locate(path)
	if err != nil {
		return nil, t.explain(err)
	}
	f := &File{target: t, options: options}
	switch {
	case t.info != nil && t.info.IsDir():
		err = errDirectory
	case t.isThrough():
		f.file, err = t.open(ctx)
	case options.New && isThere(path):
		err = fs.ErrExist
	case options.Give == nil && t.planted != nil: // it would be theirs
		err = t.planted
	default:
		err = f.begin()
	}
	if err != nil {
		return nil, t.explain(err)
	}
	return f, nil
}

// isThere reports whether there is a file, or a link to nowhere.
func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// begin makes the file beside the target. Where there can be none, and the target can be
// written to, it is written in place at the end.
func (f *File) begin() (err error) {
	if f.target.inPlace {
		f.spool = new(spool)
		return f.target.writable()
	}
	f.file, err = f.makeBeside()
	if err != nil && f.target.info != nil && isRefusal(err) && f.target.writable() == nil {
		f.spool, err = new(spool), nil
	}
	return err
}

// Write writes a part of the content.
func (f *File) Write(data []byte) (n int, err error) {
	if f.file == nil {
		if n, err = f.spool.Write(data); err != nil {
			err = fmt.Errorf("writing %s: keeping it in %s until it is complete: %w; make room there, or set TMPDIR", f.target.named, os.TempDir(), causeOf(err))
		}
		return n, err
	}
	if n, err = f.file.Write(data); err != nil {
		err = f.target.explain(err)
	}
	return n, err
}

// Finish writes the rest of the content, and all of it into its place; Discard where the
// former fails.
func (f *File) Finish(rest []byte) error {
	if _, err := f.Write(rest); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Commit()
}

// Commit puts what was written into its place. If it fails, what was there before still is.
func (f *File) Commit() error {
	var err error
	switch {
	case f.target.isThrough():
		err = f.file.Close()
	case f.file == nil:
		err = errors.Join(f.overwrite(f.spool, f.spool.size), f.spool.end())
	default:
		err = f.publish()
	}
	if err != nil {
		return f.target.explain(err)
	}
	return nil
}

// Discard leaves what was there as it was. What was written through is not taken back.
func (f *File) Discard() error {
	switch {
	case f.target.isThrough():
		return f.file.Close()
	case f.file == nil:
		return f.spool.end()
	}
	if info, err := f.file.Stat(); f.isKept() && err == nil && info.Size() > 0 {
		return f.file.Close()
	}
	return errors.Join(os.Remove(f.file.Name()), f.file.Close())
}

// Info describes the file as Commit has left it; nil for what was written through.
func (f *File) Info() fs.FileInfo { return f.written }

// publish gives the complete file its name. It is removed before it is closed, so that its
// lock says until then that it is in use.
func (f *File) publish() error {
	err := f.rename()
	if err != nil {
		if left := os.Remove(f.file.Name()); !errors.Is(left, fs.ErrNotExist) {
			err = errors.Join(err, left)
		}
	}
	return errors.Join(err, f.file.Close())
}

func (f *File) rename() error {
	err := f.settle()
	if err != nil && f.target.info != nil && f.options.Give == nil && isRefusal(err) {
		return f.copyOver() // its owner could not be kept
	}
	if err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		return err
	}
	if f.written, err = f.file.Stat(); err != nil {
		return err
	}
	if f.options.New {
		err = renameNew(f.file.Name(), f.target.path)
	} else {
		err = rename(f.file.Name(), f.target.path)
	}
	if err != nil && f.target.info != nil && isRefusal(err) {
		return f.copyOver() // a mount point, say
	}
	if err != nil {
		return err
	}
	if f.isKept() {
		os.Remove(f.Note())
	}
	return syncDirectory(filepath.Dir(f.target.path))
}

// settle gives the new file permissions and owner.
func (f *File) settle() error {
	switch {
	case f.options.Give != nil:
		return f.options.Give(f.file)
	case f.target.info != nil:
		return keep(f.file, f.target.path)
	case f.options.Like != "":
		if err := keep(f.file, f.options.Like); !isRefusal(err) {
			return err
		}
	}
	return nil
}

// copyOver writes the target in place, and removes the file beside it.
func (f *File) copyOver() error {
	info, err := f.file.Stat()
	if err == nil {
		err = f.overwrite(f.file, info.Size())
	}
	if err == nil {
		err = os.Remove(f.file.Name())
	}
	return err
}

// overwrite writes the target in place. What makes the file longer comes first: if there is no
// room for it, all that was there before still is.
func (f *File) overwrite(from io.ReaderAt, size int64) error {
	if f.target.planted != nil {
		return f.target.planted
	}
	into, err := os.OpenFile(f.target.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer into.Close()
	before, err := into.Stat()
	if err != nil {
		return err
	}
	if f.options.Give != nil {
		if err := f.options.Give(into); err != nil {
			return err
		}
	}
	old := min(before.Size(), size)
	err = errors.Join(copyPart(into, from, old, size), into.Sync())
	if err != nil {
		return errors.Join(err, into.Truncate(before.Size()))
	}
	err = errors.Join(copyPart(into, from, 0, old), into.Truncate(size), into.Sync())
	if err == nil {
		f.written, err = into.Stat()
	}
	return err
}

// copyPart copies what is from one offset on, up to another.
func copyPart(into io.WriterAt, from io.ReaderAt, start, end int64) error {
	_, err := io.Copy(io.NewOffsetWriter(into, start), io.NewSectionReader(from, start, end-start))
	return err
}

// prefix is what the names of files beside a file begin with. A hash, for a name may be as long
// as names can be.
func prefix(path string) string {
	sum := sha256.Sum256([]byte(filepath.Base(path)))
	return ".anaplan-agent-" + hex.EncodeToString(sum[:4]) + "-"
}

// makeBeside makes the file beside the target, and removes those that killed processes have
// left there.
func (f *File) makeBeside() (*os.File, error) {
	dir, begin := filepath.Dir(f.target.path), prefix(f.target.path)
	if f.options.Kept != "" {
		sweepBut(dir, begin, f.keptName())
		if file := f.openKept(filepath.Join(dir, f.keptName())); file != nil {
			return file, nil
		}
	} else {
		sweep(dir, begin)
	}
	for range mostTries {
		random := make([]byte, 8)
		rand.Read(random)
		name := filepath.Join(dir, begin+hex.EncodeToString(random))
		file, err := makeNew(name, f.firstMode())
		if err != nil || claim(file) {
			return file, err
		}
		file.Close() // another writer has taken it for one that was left
	}
	return nil, errChanged
}

// mostTries is how often a file beside is made that another writer takes away.
const mostTries = 10

// firstMode is the permissions that the file beside is made with. It is the caller's alone
// until it gets those of another.
func (f *File) firstMode() fs.FileMode {
	if f.options.Mode == 0 || f.target.info != nil || f.options.Give != nil || f.options.Like != "" {
		return 0o600
	}
	return f.options.Mode
}

// Sweep removes what killed writers of a file have left beside it.
func Sweep(path string) {
	if t, err := locate(path); err == nil && !t.isThrough() {
		sweep(filepath.Dir(t.path), prefix(t.path))
	}
}

// sweep removes files beside a file whose writers have ended.
func sweep(dir, begin string) { sweepBut(dir, begin, "") }

// sweepBut leaves those that begin with spared.
func sweepBut(dir, begin, spared string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if spared != "" && strings.HasPrefix(entry.Name(), spared) {
			continue
		}
		if strings.HasPrefix(entry.Name(), begin) && entry.Type().IsRegular() {
			removeLeft(filepath.Join(dir, entry.Name()))
		}
	}
}
