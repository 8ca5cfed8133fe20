package manual

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Commands returns a page for a command and each below it, but for those that are hidden.
func Commands(cmd *cobra.Command, seeAlso ...string) []Page {
	pages := []Page{commandPage(cmd, seeAlso)}
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			pages = append(pages, Commands(child)...)
		}
	}
	return pages
}

// pageName returns the name of a command's page: that of "anaplan-agent service print" has hyphens.
func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func commandPage(cmd *cobra.Command, seeAlso []string) Page {
	var text strings.Builder
	fmt.Fprintf(&text, "# NAME\n%s - %s\n\n# SYNOPSIS\n", pageName(cmd), escape(cmd.Short))
	fmt.Fprintf(&text, "**%s** %s\n\n", cmd.CommandPath(), escape(strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())))
	fmt.Fprintf(&text, "# DESCRIPTION\n%s\n", plain(cmp.Or(cmd.Long, sentence(cmd.Short))))
	options(&text, cmd)
	if cmd.HasAvailableSubCommands() {
		text.WriteString("# COMMANDS\n")
	}
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			fmt.Fprintf(&text, "**%s**(1)\n: %s\n\n", pageName(child), escape(child.Short))
		}
	}
	others(&text, cmd, seeAlso)
	return Page{Name: pageName(cmd), Section: 1, Text: text.String()}
}

// options writes the flags that --help shows.
func options(text *strings.Builder, cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	text.WriteString("# OPTIONS\n")
	cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		name, usage := pflag.UnquoteUsage(flag)
		if flag.Shorthand != "" {
			fmt.Fprintf(text, "**-%s**, ", flag.Shorthand)
		}
		fmt.Fprintf(text, "**--%s**", flag.Name)
		if name != "" {
			fmt.Fprintf(text, " *%s*", escape(name))
		}
		fmt.Fprintf(text, "\n: %s\n\n", escape(usage))
	})
}

// others writes where to read on.
func others(text *strings.Builder, cmd *cobra.Command, seeAlso []string) {
	if cmd.HasParent() {
		seeAlso = append(seeAlso, fmt.Sprintf("**%s**(1)", pageName(cmd.Parent())))
	}
	fmt.Fprintf(text, "# SEE ALSO\n%s\n", strings.Join(seeAlso, ", "))
}

// Program returns the page of a program whose help is one text, which begins with a sentence about
// the program.
func Program(name, does, help string) Page {
	return Page{Name: name, Section: 1, Text: fmt.Sprintf("# NAME\n%s - %s\n\n# DESCRIPTION\n%s\n# SEE ALSO\n**anaplan-agent**(1)\n", name, escape(does), plain(help))}
}

// sentence makes a sentence of the line that stands beside a command in a list.
func sentence(short string) string {
	if short == "" {
		return ""
	}
	return strings.ToUpper(short[:1]) + short[1:] + "."
}
