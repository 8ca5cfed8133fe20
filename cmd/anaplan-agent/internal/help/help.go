package help

// The help of a command: its text, examples, the commands below it, and its flags.

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Show prints the help of a command as wide as the terminal is, for cobra.Command.SetHelpFunc.
func Show(cmd *cobra.Command, _ []string) {
	io.WriteString(cmd.OutOrStdout(), Text(cmd, width(os.Stdout)))
}

// Widths in columns: text wider than the first is hard to read, and narrower than the second it
// falls apart.
const (
	widest    = 100
	narrowest = 40
)

// width returns how wide text for a file shall be.
func width(out *os.File) int {
	columns, _, err := term.GetSize(int(out.Fd()))
	if err != nil { // it is not a terminal
		return widest
	}
	return max(min(columns, widest), narrowest)
}

// Text returns the help of a command, no wider than columns. Lines that are indented in its own
// text are commands to copy, and stay whole.
func Text(cmd *cobra.Command, columns int) string {
	var text strings.Builder
	about := cmd.Long
	if about == "" {
		about = strings.ToUpper(cmd.Short[:1]) + cmd.Short[1:] + "."
	}
	text.WriteString(wrapped(about, columns) + "\n")
	if cmd.Example != "" {
		fmt.Fprintf(&text, "\nExample:\n  %s\n", strings.ReplaceAll(cmd.Example, "\n", "\n  "))
	}
	fmt.Fprintf(&text, "\nUsage:\n%s", usage(cmd))
	if cmd.HasAvailableSubCommands() {
		writeCommands(&text, cmd, columns)
	}
	if flags := cmd.LocalFlags(); flags.HasAvailableFlags() {
		fmt.Fprintf(&text, "\nFlags:\n%s", flagTexts(flags, columns))
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&text, "\nMore about a command: %s COMMAND --help\n", cmd.CommandPath())
	}
	return text.String()
}

// usage returns how a command is called.
func usage(cmd *cobra.Command) (lines string) {
	if cmd.HasParent() {
		lines = "  " + cmd.UseLine() + "\n"
	}
	if cmd.HasAvailableSubCommands() {
		lines += "  " + cmd.CommandPath() + " COMMAND [flags]\n"
	}
	return lines
}

// writeCommands writes the commands below cmd, each with what it is for.
func writeCommands(text *strings.Builder, cmd *cobra.Command, columns int) {
	longest := 0
	for _, below := range cmd.Commands() {
		longest = max(longest, len(below.Name()))
	}
	for _, section := range grouped(cmd) {
		if len(section.commands) == 0 {
			continue
		}
		fmt.Fprintf(text, "\n%s:\n", section.title)
		for _, below := range section.commands {
			text.WriteString(beside(fmt.Sprintf("  %-*s  ", longest, below.Name()), short(below), columns))
		}
	}
}

// short returns what a command is for, in a line; cobra's own begins with a capital letter.
func short(cmd *cobra.Command) string {
	if cmd.Name() == "help" {
		return "show the help of a command"
	}
	return cmd.Short
}

// wrapped breaks the paragraphs of a text anew. Lines that begin with a blank stay as they are.
func wrapped(text string, columns int) string {
	var lines, paragraph []string
	end := func() {
		lines = append(lines, broken(paragraph, columns)...)
		paragraph = nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == ' ' {
			end()
			lines = append(lines, line)
			continue
		}
		paragraph = append(paragraph, strings.Fields(line)...)
	}
	end()
	return strings.Join(lines, "\n")
}

// broken puts words into lines.
func broken(words []string, columns int) (lines []string) {
	line := ""
	for _, word := range words {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) <= columns:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
