package emulator

import (
	"errors"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// NewFlags returns an empty set of flags, which are listed in the order in which they are defined. It
// is a set of its own, not the package-level flags, so that help and parsing can be had any number of
// times.
func NewFlags(program string) *pflag.FlagSet {
	f := pflag.NewFlagSet(program, pflag.ContinueOnError)
	f.SortFlags = false
	f.SetOutput(io.Discard) // Run prints the errors
	f.Usage = func() {}
	return f
}

// Parse reads the command line. It returns pflag.ErrHelp if help is asked for.
func Parse(program string, flags *pflag.FlagSet, args []string) error {
	err := flags.Parse(args)
	if err == nil || errors.Is(err, pflag.ErrHelp) {
		return err
	}
	return Misuse(program+" --help", "%w", err) // pflag's words name the flag and what is wrong with it
}

// Help fills the flags into the text of --help, so that text and program cannot differ.
func Help(template string, flags *pflag.FlagSet) string {
	return strings.Replace(template, "{{flags}}\n", flags.FlagUsages(), 1)
}
