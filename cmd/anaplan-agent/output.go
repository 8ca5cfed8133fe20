package main

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
)

// errStdout says that the result went nowhere.
var errStdout = errors.New("writing the result to standard output")

// checkStdout fails where nobody would get the result, before it costs a login. What
// shows only when writing (a full disk, a reader that has gone) is printResult's.
func checkStdout() error {
	if stdoutClosed() {
		return fmt.Errorf("%w: it is closed", errStdout)
	}
	return nil
}

// printResult writes the result of a command in one piece, and reports what a file
// system tells only at the end (close(2)). errStdout if it went nowhere.
func printResult(text string) error {
	stdout, err := duplicateStdout()
	if err == nil {
		_, err = stdout.WriteString(text)
		err = errors.Join(err, stdout.Close())
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errStdout, err)
	}
	return nil
}

// printJSON writes the result of a command as indented JSON. encoding/json lets C1
// controls through, which printable takes out without changing what is said.
func printJSON(value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return printResult(printable(string(data)) + "\n")
}

// resultFile is where a result goes that is not written in one piece: standard output, or what
// a person has named.
type resultFile struct {
	io.Writer
	stdout *os.File         // nil: file
	file   *atomicfile.File // there only once all of it is
}

// openResult begins a result. ctx governs the wait for somebody to read a FIFO.
func openResult(ctx context.Context, path string) (*resultFile, error) {
	if path == "" || path == "-" {
		stdout, err := duplicateStdout()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errStdout, err)
		}
		return &resultFile{stdout, stdout, nil}, nil
	}
	file, err := atomicfile.Create(ctx, path, atomicfile.Options{})
	if err != nil {
		return nil, err
	}
	return &resultFile{file, nil, file}, nil
}

func (r *resultFile) isStdout() bool { return r.stdout != nil }

// end puts the file into its place, unless there is an error, and returns that or its own.
func (r *resultFile) end(err error) error {
	switch {
	case r.stdout != nil && err != nil:
		return errors.Join(err, r.stdout.Close())
	case r.stdout != nil:
		if err := r.stdout.Close(); err != nil {
			return fmt.Errorf("%w: %w", errStdout, err)
		}
		return nil
	case err != nil:
		return errors.Join(err, r.file.Discard())
	}
	return r.file.Commit()
}

// exists reports whether there is a file, or a link to nowhere.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// isTaken reports whether a new file cannot have a name. What is not a file, as a FIFO or a
// shell's >(command), is written to as it is.
func isTaken(path string) bool { return exists(path) && !atomicfile.IsThrough(path) }

// nameOf returns a path by which what was written to it is found again, from anywhere; "" for
// what is not a file.
func nameOf(path string) string {
	if atomicfile.IsThrough(path) {
		return ""
	}
	return absolute(path)
}

// writeNew writes a file that anybody may read and that is not there yet.
func writeNew(ctx context.Context, path, text string) error {
	file, err := atomicfile.Create(ctx, path, atomicfile.Options{Mode: 0o644, New: true})
	if err != nil {
		return err
	}
	return file.Finish([]byte(text))
}

// writeOut is writeNew for what may be written again: a file that holds the text already
// is no error, so that a step can be repeated.
func writeOut(ctx context.Context, path, text string) error {
	err := mayWriteOut(path, text)
	if err == nil && isTaken(path) {
		return nil
	}
	if err != nil {
		return err
	}
	return writeNew(ctx, path, text)
}

// mayWriteOut returns why writeOut cannot write a text, as far as that can be told before.
func mayWriteOut(path, text string) error {
	if !isTaken(path) {
		return nil
	}
	if there, err := os.ReadFile(path); err == nil && string(there) == text {
		return nil
	}
	return fmt.Errorf("%s holds something else, and is not overwritten", path)
}
