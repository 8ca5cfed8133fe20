// Package emulator is what the mains of the emulators have in common: how they end, what they tell on
// the way, their flags, and the file that says that they are ready. Only they use it.
package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

// Run runs a program until it is done or told to end, and returns its exit code: 0 done, 1 failed,
// 2 usage, or that of an *Exit. Messages begin with the program's name.
func Run(program string, stderr io.Writer, execute func(ctx context.Context) error) int {
	// Ctrl-C and systemd's SIGTERM are the usual ends of an emulator, not failures.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := execute(ctx)
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*Exit](err); ok {
		return exit.Code
	}
	fmt.Fprintf(stderr, "%s: error: %v\n", program, err)
	// Every error of usage has a hint; others have one where there is a command that helps.
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

// Exit ends the program with another code than 0, and without a word: whoever ended so has told why.
type Exit struct{ Code int }

func (e *Exit) Error() string { return fmt.Sprintf("the command ended with code %d", e.Code) }

// Print writes a result. That nobody gets it (a full disk, a closed pipe) is a failure: a script
// would go on with half a certificate.
func Print(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("writing to standard output: %w", err)
	}
	return nil
}

// Version says what was built, from which revision.
func Version(program string) string {
	// The go command stamps it; there is no variable for a linker flag to set.
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		revision = info.Main.Version
	}
	return fmt.Sprintf("%s %s (%s, %s/%s)\n", program, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// RemoveStale removes a --ready-file, which may be that of a process that died. "": there is none.
func RemoveStale(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the old --ready-file: %w", err)
	}
	return nil
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

// Advise adds a hint to err.
func Advise(err error, hint string) error { return &advised{err: err, hint: hint} }

// Misuse is an error of the command line.
func Misuse(hint, format string, args ...any) error {
	return &advised{err: fmt.Errorf(format, args...), hint: hint, usage: true}
}
