package console

// Standard output, which carries the result and nothing else. A result that nobody gets is an
// error, since a token lost in a closed pipe stays valid.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// ErrStdout says that the result could not be delivered.
var ErrStdout = errors.New("writing the result to standard output")

// CheckStdout fails where nobody would get the result, before it costs a login. What shows only
// when writing (a full disk, a reader that has gone) is up to PrintResult.
func CheckStdout() error {
	if stdoutClosed() {
		return fmt.Errorf("%w: it is closed", ErrStdout)
	}
	return nil
}

// PrintResult writes the result of a command in one piece, including errors that a file system
// reports only at the end (close(2)). Its errors are ErrStdout.
func PrintResult(text string) error {
	stdout, err := duplicateStdout()
	if err == nil {
		_, err = stdout.WriteString(text)
		err = errors.Join(err, stdout.Close())
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStdout, err)
	}
	return nil
}

// Deliver writes the result of a command into a file, or to standard output if path is "" or "-".
// ctx governs the wait for somebody to read a FIFO.
func Deliver(ctx context.Context, path, text string, options atomicfile.Options) error {
	if path == "" || path == "-" {
		return PrintResult(text)
	}
	file, err := atomicfile.Create(ctx, path, options)
	if err != nil {
		return err
	}
	return file.Finish([]byte(text))
}

// PrintJSON writes the result of a command as indented JSON. encoding/json lets C1 controls
// through; Printable escapes them without changing the meaning.
func PrintJSON(value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return PrintResult(Printable(string(data)) + "\n")
}

// ResultFile takes a result that is written piece by piece: standard output, or a file.
type ResultFile struct {
	io.Writer
	stdout *os.File         // nil: file
	file   *atomicfile.File // there only once all of it is
}

// OpenResult begins a result. ctx governs the wait for somebody to read a FIFO.
func OpenResult(ctx context.Context, path string) (*ResultFile, error) {
	return OpenKeptResult(ctx, path, "")
}

// OpenKeptResult is OpenResult for what another process may have begun, which kept names; see
// [atomicfile.Options].
func OpenKeptResult(ctx context.Context, path, kept string) (*ResultFile, error) {
	if path == "" || path == "-" {
		stdout, err := duplicateStdout()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrStdout, err)
		}
		return &ResultFile{stdout, stdout, nil}, nil
	}
	file, err := atomicfile.Create(ctx, path, atomicfile.Options{Kept: kept})
	if err != nil {
		return nil, err
	}
	return &ResultFile{file, nil, file}, nil
}

func (r *ResultFile) IsStdout() bool { return r.stdout != nil }

// File returns the file; nil if it is standard output.
func (r *ResultFile) File() *atomicfile.File { return r.file }

// End puts the file into its place, unless there is an error, and returns that or its own.
func (r *ResultFile) End(err error) error {
	switch {
	case r.stdout != nil && err != nil:
		return errors.Join(err, r.stdout.Close())
	case r.stdout != nil:
		if err := r.stdout.Close(); err != nil {
			return fmt.Errorf("%w: %w", ErrStdout, err)
		}
		return nil
	case err != nil:
		return errors.Join(err, r.file.Discard())
	}
	return r.file.Commit()
}

// Exists reports whether there is a file, or a link to nowhere.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// IsTaken reports whether a path cannot be that of a new file. What is not a regular file, as a
// FIFO or a shell's >(command), is written to as it is.
func IsTaken(path string) bool { return Exists(path) && !atomicfile.IsThrough(path) }

// NameOf returns a path that finds the file again from anywhere; "" if it is not a regular file.
func NameOf(path string) string {
	if atomicfile.IsThrough(path) {
		return ""
	}
	return paths.Absolute(path)
}

// WriteNew writes a file that anybody may read and that is not there yet.
func WriteNew(ctx context.Context, path, text string) error {
	file, err := atomicfile.Create(ctx, path, atomicfile.Options{Mode: 0o644, New: true})
	if err != nil {
		return err
	}
	return file.Finish([]byte(text))
}

// WriteOut is WriteNew for what may be written again: a file that has the text already is not an
// error, so that a step can be repeated.
func WriteOut(ctx context.Context, path, text string) error {
	err := MayWriteOut(path, text)
	if err == nil && IsTaken(path) {
		return nil
	}
	if err != nil {
		return err
	}
	return WriteNew(ctx, path, text)
}

// MayWriteOut returns why WriteOut would fail, as far as that shows beforehand.
func MayWriteOut(path, text string) error {
	if !IsTaken(path) {
		return nil
	}
	if there, err := os.ReadFile(path); err == nil && string(there) == text {
		return nil
	}
	return fmt.Errorf("%s has other content and is not overwritten", path)
}
