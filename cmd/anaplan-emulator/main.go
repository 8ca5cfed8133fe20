// Command anaplan-emulator is a stand-in for Anaplan on the loopback interface,
// to try an integration without the network or a tenant.
//
// It is a thin main over package anaplantest: flags, a listener, and some paths
// under /emulator/ by which a script does what a tenant administrator, or bad
// weather, does. Run it with --help.
//
// It listens on the loopback interface alone, for its administration asks for no
// password and its CA is worth nothing. What it writes to standard error is one
// line of log for each request, with the reason of a refusal; standard output has
// only what was asked for by --issue, --help and --version.
//
//	anaplan-emulator --tls --ca-out ca.pem --register cert.pem
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
)

// program is the name that messages begin with.
const program = "anaplan-emulator"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run returns the exit code: 0 done, 1 failed, 2 usage.
func run(args []string, stdout, stderr io.Writer) int {
	// Ctrl-C and systemd's SIGTERM are the usual ends of a server, not failures.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	err := execute(ctx, args, stdout, stderr)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "%s: error: %v\n", program, err)
	// Every error of usage has a hint; others have one where there is a command
	// that helps.
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
	case s.issue != "":
		return issue(s, stdout)
	}
	return serve(ctx, s, stderr)
}

// printTo writes a result. That nobody gets it (a full disk, a closed pipe) is a
// failure: a script would go on with half a certificate.
func printTo(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("writing to standard output: %w", err)
	}
	return nil
}

// version says what was built, from which revision.
func version() string {
	// The go command stamps it; there is no variable for a linker flag to set.
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
