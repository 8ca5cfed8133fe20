package main

// Questions to a person, on the controlling terminal: standard input and output may
// be pipes, and the answer must not become part of a result.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// errNoTerminal is returned where a person must be asked and there is none, as in a
// job. It is never a reason to go on without the answer.
var errNoTerminal = errors.New("there is no terminal to ask on")

// errTerminalClosed says that the input has ended, which Ctrl-D does too.
var errTerminalClosed = errors.New("the terminal was closed")

// terminal is the terminal that the user sits at, whatever standard input and
// output are connected to.
type terminal struct {
	in, out *os.File
}

// openTerminal returns the controlling terminal; errNoTerminal without one. Who has
// redirected standard input still sits there.
func openTerminal() (*terminal, error) {
	in, out, err := openConsole()
	if err != nil {
		return nil, errNoTerminal
	}
	return &terminal{in, out}, nil
}

// Close closes the terminal. A reader that was left behind ends with it, or with the
// process.
func (t *terminal) Close() error {
	return errors.Join(t.in.Close(), t.out.Close())
}

// askSecret prints question and reads a line that is not shown. Interrupt and
// termination are errors here and not the end of the process, which would leave the
// terminal without echo.
func (t *terminal) askSecret(ctx context.Context, question string) ([]byte, error) {
	before, err := term.GetState(int(t.in.Fd()))
	if err != nil {
		return nil, errNoTerminal
	}
	// Who interrupts here wants a terminal that echoes again.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	// On the terminal and not on standard error, which may go to a log.
	fmt.Fprintf(t.out, "%s: %s: ", program, question)
	defer fmt.Fprintln(t.out)
	answer, err := interruptible(ctx, func() ([]byte, error) { return readHidden(t.in) })
	if ctx.Err() != nil { // interrupted
		term.Restore(int(t.in.Fd()), before) // the reader is still there and has switched the echo off
	}
	return answer, orClosed(err)
}

// askYes prints question and reports whether the answer is "yes" in full: a y is
// typed too easily for what cannot be undone.
func (t *terminal) askYes(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(t.out, "%s: %s Type yes to go on: ", program, question)
	answer, err := interruptible(ctx, func() (string, error) { return bufio.NewReader(t.in).ReadString('\n') })
	if err != nil {
		fmt.Fprintln(t.out)
		return false, orClosed(err)
	}
	return strings.TrimSpace(answer) == "yes", nil
}

// orClosed words the end of a terminal's input, which Ctrl-D is too.
func orClosed(err error) error {
	if err == io.EOF {
		return errTerminalClosed
	}
	return err
}

// interruptible returns what read returns, or ctx's cause if that comes first. The
// read itself cannot be stopped; the process is about to end.
func interruptible[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	}
}
