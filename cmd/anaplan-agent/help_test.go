package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/help"
)

// TestHelp walks all commands: each has a group, an example that calls it, and help that fits.
func TestHelp(t *testing.T) {
	root := newRootCommand(&console.Messenger{Out: t.Output()}, nil)
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() && !help.IsGrouped(cmd.Name()) {
			t.Errorf("%s is in no group of the program's help", cmd.Name())
		}
	}
	walkCommands(root, func(cmd *cobra.Command) {
		text := help.Text(cmd, 100)
		tooWide(t, cmd.CommandPath(), text, 100)
		if strings.Contains(text, "true|false") {
			t.Errorf("%s --help says of a switch that it may have a value", cmd.CommandPath())
		}
		if !hasExample(cmd, text) {
			t.Errorf("%s --help has no example", cmd.CommandPath())
		}
	})
}

// TestHelpNarrow: on a narrow terminal the flags are wrapped, whatever long words are in them.
func TestHelpNarrow(t *testing.T) {
	root := newRootCommand(&console.Messenger{Out: t.Output()}, []string{"token"})
	cmd, _, err := root.Find([]string{"token"})
	if err != nil {
		t.Fatal(err)
	}
	_, flags, _ := strings.Cut(help.Text(cmd, 60), "\nFlags:\n")
	tooWide(t, "token", flags, 60)
}

func tooWide(t *testing.T, name, text string, columns int) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if got := utf8.RuneCountInString(line); got > columns && strings.Contains(strings.TrimSpace(line), " ") {
			t.Errorf("%s: %d columns: %s", name, got, line)
		}
	}
}

// hasExample reports whether an indented line calls the command.
func hasExample(cmd *cobra.Command, text string) bool {
	about, _, _ := strings.Cut(text, "\nUsage:")
	for line := range strings.Lines(about) {
		if strings.HasPrefix(line, "  ") && strings.Contains(line, cmd.CommandPath()) {
			return true
		}
	}
	return false
}

// walkCommands calls visit for each command that is shown.
func walkCommands(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() {
			walkCommands(below, visit)
		}
	}
}
