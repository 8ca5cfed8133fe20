package console

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

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// ErrNoTerminal is returned where a person must be asked and there is none, as in a
// job. It is never a reason to go on without the answer.
var ErrNoTerminal = errors.New("there is no terminal to ask on")

// ErrTerminalClosed says that the input has ended, which Ctrl-D does too.
var ErrTerminalClosed = errors.New("the terminal was closed")

// Terminal is the terminal that the user sits at, whatever standard input and
// output are connected to.
type Terminal struct {
	In, Out *os.File
}

// OpenTerminal returns the controlling terminal, also if standard input is redirected;
// ErrNoTerminal without one.
func OpenTerminal() (*Terminal, error) {
	in, out, err := openConsole()
	if err != nil {
		return nil, ErrNoTerminal
	}
	return &Terminal{in, out}, nil
}

// Close closes the terminal. A reader that was left behind ends with it, or with the
// process.
func (t *Terminal) Close() error {
	return errors.Join(t.In.Close(), t.Out.Close())
}

// AskSecret prints question and reads a line that is not shown. Interrupt and termination are
// errors here; ending the process would leave the terminal without echo.
func (t *Terminal) AskSecret(ctx context.Context, question string) ([]byte, error) {
	before, err := term.GetState(int(t.In.Fd()))
	if err != nil {
		return nil, ErrNoTerminal
	}
	// After an interrupt the terminal must echo again.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	// On the terminal and not on standard error, which may go to a log.
	fmt.Fprintf(t.Out, "%s: %s: ", build.Program, question)
	defer fmt.Fprintln(t.Out)
	answer, err := Interruptible(ctx, func() ([]byte, error) { return readHidden(t.In) })
	if ctx.Err() != nil { // interrupted
		term.Restore(int(t.In.Fd()), before) // the reader is still there and has switched the echo off
	}
	return answer, orClosed(err)
}

// AskYes prints question and reports whether the answer is "yes" in full: a y is
// typed too easily for what cannot be undone.
func (t *Terminal) AskYes(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(t.Out, "%s: %s Type yes to go on: ", build.Program, question)
	answer, err := Interruptible(ctx, func() (string, error) { return bufio.NewReader(t.In).ReadString('\n') })
	if err != nil {
		fmt.Fprintln(t.Out)
		return false, orClosed(err)
	}
	return strings.TrimSpace(answer) == "yes", nil
}

// orClosed replaces the end of a terminal's input, also by Ctrl-D, by an error in words.
func orClosed(err error) error {
	if err == io.EOF {
		return ErrTerminalClosed
	}
	return err
}

// Interruptible returns what read returns, or ctx's cause if that comes first. The
// read itself cannot be stopped; the process is about to end.
func Interruptible[T any](ctx context.Context, read func() (T, error)) (T, error) {
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

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// ResultIsRead reports whether a person reads standard output, and no program and no file.
func ResultIsRead() bool { return term.IsTerminal(int(os.Stdout.Fd())) }

// ObeysEscapes reports whether a stream is a terminal that can be written over.
func ObeysEscapes(file *os.File) bool { return IsTerminal(file) && obeysEscapes(file) }
