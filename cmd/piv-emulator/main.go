//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// program is the name that messages begin with.
const program = "piv-emulator"

func main() {
	// Before all else: pcscd's keeper is this program too.
	pivtest.Main()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit code: 0 done, 1 failed, 2 usage, and that of the command of
// exec.
func run(args []string, stdout, stderr io.Writer) int {
	// Ctrl-C and SIGTERM are the usual ends of an emulator, not failures.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	err := execute(ctx, args, stdout, stderr)
	if err == nil {
		return 0
	}
	if ended, ok := errors.AsType[*commandEnded](err); ok {
		return ended.code
	}
	fmt.Fprintf(stderr, "%s: error: %v\n", program, err)
	advice, _ := errors.AsType[*advised](err)
	if advice == nil {
		return 1
	}
	fmt.Fprintf(stderr, "%s: hint: %s\n", program, advice.hint)
	if advice.usage {
		return 2
	}
	return 1
}

// execute does what the command line says.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args)
	switch {
	// Help is what was asked for, so it goes to standard output, where a pager
	// finds it.
	case errors.Is(err, pflag.ErrHelp):
		return printTo(stdout, helpText())
	case err != nil:
		return err
	case s.version:
		return printTo(stdout, version())
	case s.verb == "ctl":
		return sendOrder(s.control, s.rest, stdout)
	case s.verb == "exec":
		return runCommand(ctx, s, stderr)
	}
	return serve(ctx, s, stdout, stderr)
}

// printTo writes a result. That nobody gets it is a failure: a script would go on
// without it.
func printTo(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("writing to standard output: %w", err)
	}
	return nil
}

// version says what was built, from which revision.
func version() string {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		revision = info.Main.Version
	}
	return fmt.Sprintf("%s %s (%s, %s/%s)\n", program, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// advised is an error with a hint of what to do.
type advised struct {
	err   error
	hint  string
	usage bool // the command line is wrong
}

func (a *advised) Error() string { return a.err.Error() }

// Unwrap gives errors.Is the cause.
func (a *advised) Unwrap() error { return a.err }

// advise adds a hint to err.
func advise(err error, hint string) error { return &advised{err: err, hint: hint} }

// misuse is an error of the command line.
func misuse(hint, format string, args ...any) error {
	return &advised{err: fmt.Errorf(format, args...), hint: hint, usage: true}
}
