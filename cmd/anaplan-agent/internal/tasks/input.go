package tasks

// What is read of this machine: files, standard input, FIFOs.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
)

// input is something to read, which ends with an error when its context does: nobody has to write
// the FIFO that a person waits for.
type input struct {
	io.Reader
	file *os.File
	size int64 // -1: it shows at the end

	packed bool // it is a file that gzip has made
}

// Close closes the file.
func (i *input) Close() { i.file.Close() }

// openInput opens what is to be sent; "-" is standard input.
func openInput(ctx context.Context, path string) (*input, error) {
	if path == "-" {
		return following(ctx, os.Stdin), nil
	}
	file, err := openFile(ctx, path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, errors.Join(err, file.Close())
	case info.IsDir():
		return nil, errors.Join(fmt.Errorf("%s is a directory", path), file.Close())
	case !info.Mode().IsRegular():
		return following(ctx, file), nil
	}
	return &input{file, file, info.Size(), isPacked(file)}, nil
}

// isPacked reports whether a file begins as gzip's do (RFC 1952 section 2.3.1).
func isPacked(file io.ReaderAt) bool {
	var magic [3]byte
	_, err := file.ReadAt(magic[:], 0)
	return err == nil && string(magic[:]) == "\x1f\x8b\x08"
}

// openFile opens a file. That of a FIFO waits until somebody opens the other end, and nothing can
// end that wait: after the context it is left behind, until the program ends.
func openFile(ctx context.Context, path string) (*os.File, error) {
	type opened struct {
		file *os.File
		err  error
	}
	came := make(chan opened, 1)
	go func() {
		file, err := os.Open(path)
		came <- opened{file, err}
	}()
	select {
	case got := <-came:
		return got.file, got.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// following reads a file for as long as the context is alive. A read of a terminal or of a pipe
// cannot be ended either.
func following(ctx context.Context, file *os.File) *input {
	from, to := io.Pipe()
	go func() {
		_, err := io.Copy(to, file)
		to.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { to.CloseWithError(context.Cause(ctx)) })
	return &input{from, file, -1, false}
}

// notEmpty is what is read for an upload, with an error where that is nothing at all: a program
// that failed before a pipe, mostly, and the file at Anaplan would be empty.
func (r *Task) notEmpty(of *sending) io.Reader {
	if r.Order.allowEmpty {
		return of.from
	}
	return &notEmpty{of.from, &emptyError{of.order, of.to}}
}

// emptyError says that there is nothing to send.
type emptyError struct {
	order uploadOrder
	to    integration.Thing
}

func (e *emptyError) Error() string {
	given := "--input " + e.order.path
	if e.order.name != "" {
		given = "--upload " + e.order.name + "=" + e.order.path
	}
	return fmt.Sprintf("%s: there is nothing in it, and %s would be emptied; if that is meant: --allow-empty", given, e.to)
}

// notEmpty passes on what it reads.
type notEmpty struct {
	from  io.Reader
	empty error // for an end at once; nil: something has come
}

// Read implements io.Reader.
func (e *notEmpty) Read(p []byte) (int, error) {
	n, err := e.from.Read(p)
	if n > 0 {
		e.empty = nil
	}
	if err == io.EOF && e.empty != nil {
		return n, e.empty
	}
	return n, err
}
