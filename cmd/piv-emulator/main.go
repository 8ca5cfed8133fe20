//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/anaplan-agent/anaplan-agent/cmd/internal/emulator"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
	"github.com/spf13/pflag"
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
	case s.verb == "ctl":
		return sendOrder(s.control, s.rest, stdout)
	case s.verb == "exec":
		return runCommand(ctx, s, stderr)
	}
	return serve(ctx, s, stdout, stderr)
}
