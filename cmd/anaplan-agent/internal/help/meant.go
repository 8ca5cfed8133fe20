package help

// Mistyped commands and flags.

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/anaplan-agent/anaplan-agent/agent/nearest"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

// OnlyCommands is the RunE of a command that is nothing but a name for those below it.
func OnlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return UnknownCommand(cmd, args[0])
	}
	return cmd.Help()
}

// UnknownCommand says that there is no such command below cmd, and which one was most likely meant.
func UnknownCommand(cmd *cobra.Command, word string) error {
	var known []string
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() {
			known = append(known, below.Name())
		}
	}
	return explain.Usagef(cmd.CommandPath(), "unknown command %q%s", below(cmd, word), DidYouMean(word, known, cmd.CommandPath()+" "))
}

// below returns a command as it is typed after the program's name.
func below(cmd *cobra.Command, word string) string {
	_, path, _ := strings.Cut(cmd.CommandPath()+" "+word, " ")
	return path
}

// WrongFlag words pflag's error about a flag, for cobra.Command.SetFlagErrorFunc, and says which
// flag was most likely meant.
func WrongFlag(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := typed(unknown)
		ofCommand := func(c *cobra.Command) bool { return slices.Contains(flagsOf(c), name) }
		if slices.ContainsFunc(cmd.Commands(), ofCommand) {
			return &explain.UsageError{Err: fmt.Errorf("write the command first: %s COMMAND --%s", cmd.CommandPath(), name), Command: cmd.CommandPath()}
		}
		err = fmt.Errorf("%w%s", err, DidYouMean(name, flagsOf(cmd), "--"))
	}
	return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
}

// typed returns the name that an unknown flag was given: with one dash a word is read as several
// flags of one letter.
func typed(unknown *pflag.NotExistError) string {
	if letters := unknown.GetSpecifiedShortnames(); letters != "" {
		name, _, _ := strings.Cut(letters, "=")
		return name
	}
	return unknown.GetSpecifiedName()
}

// flagsOf returns the names of a command's flags that are shown.
func flagsOf(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			names = append(names, flag.Name)
		}
	})
	return names
}

// DidYouMean returns "; did you mean ...?" for what was most likely meant by a word, with what is
// typed before it; "" if nothing is near enough.
func DidYouMean(word string, known []string, before string) string {
	meant := nearest.Word(word, known)
	if meant == "" {
		return ""
	}
	return "; did you mean " + before + meant + "?"
}
