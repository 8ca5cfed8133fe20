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
	"io"
	"os"

	"github.com/anaplan-agent/anaplan-agent/cmd/internal/emulator"
	"github.com/spf13/pflag"
)

// program is the name that messages begin with.
const program = "anaplan-emulator"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run returns the exit code: 0 done, 1 failed, 2 usage.
func run(args []string, stdout, stderr io.Writer) int {
	return emulator.Run(program, stderr, func(ctx context.Context) error { return execute(ctx, args, stdout, stderr) })
}

// execute does what the command line says.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args)
	switch {
	// Help is what was asked for, so it goes to standard output, where a pager
	// finds it.
	case errors.Is(err, pflag.ErrHelp):
		return emulator.Print(stdout, helpText())
	case err != nil:
		return err
	case s.version:
		return emulator.Print(stdout, emulator.Version(program))
	case s.issue != "":
		return issue(s, stdout)
	}
	return serve(ctx, s, stderr)
}
