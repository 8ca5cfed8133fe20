package console

// Standard output, which carries the result and nothing else. A result that nobody
// got is an error, since a token that was lost in a closed pipe stays valid.

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

// ErrStdout says that the result went nowhere.
var ErrStdout = errors.New("writing the result to standard output")

// CheckStdout fails where nobody would get the result, before it costs a login. What
// shows only when writing (a full disk, a reader that has gone) is printResult's.
func CheckStdout() error {
	if stdoutClosed() {
		return fmt.Errorf("%w: it is closed", ErrStdout)
	}
	return nil
}

// PrintResult writes the result of a command in one piece, and reports what a file
// system tells only at the end (close(2)). errStdout if it went nowhere.
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

// PrintJSON writes the result of a command as indented JSON. encoding/json lets C1
// controls through, which printable takes out without changing what is said.
func PrintJSON(value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return PrintResult(Printable(string(data)) + "\n")
}

// ResultFile is where a result goes that is not written in one piece: standard output, or what
// a person has named.
type ResultFile struct {
	io.Writer
	stdout *os.File         // nil: file
	file   *atomicfile.File // there only once all of it is
}

// OpenResult begins a result. ctx governs the wait for somebody to read a FIFO.
func OpenResult(ctx context.Context, path string) (*ResultFile, error) {
	if path == "" || path == "-" {
		stdout, err := duplicateStdout()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrStdout, err)
		}
		return &ResultFile{stdout, stdout, nil}, nil
	}
	file, err := atomicfile.Create(ctx, path, atomicfile.Options{})
	if err != nil {
		return nil, err
	}
	return &ResultFile{file, nil, file}, nil
}

func (r *ResultFile) IsStdout() bool { return r.stdout != nil }

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

// IsTaken reports whether a new file cannot have a name. What is not a file, as a FIFO or a
// shell's >(command), is written to as it is.
func IsTaken(path string) bool { return Exists(path) && !atomicfile.IsThrough(path) }

// NameOf returns a path by which what was written to it is found again, from anywhere; "" for
// what is not a file.
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

// WriteOut is writeNew for what may be written again: a file that holds the text already
// is no error, so that a step can be repeated.
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

// MayWriteOut returns why writeOut cannot write a text, as far as that can be told before.
func MayWriteOut(path, text string) error {
	if !IsTaken(path) {
		return nil
	}
	if there, err := os.ReadFile(path); err == nil && string(there) == text {
		return nil
	}
	return fmt.Errorf("%s holds something else, and is not overwritten", path)
}
