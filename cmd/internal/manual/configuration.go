package manual

import (
	"fmt"
	"regexp"
	"strings"
)

// Configuration returns the page of the configuration file: what docs/configuration.md says, with
// its tables as lists, and with each setting's lines of the example configuration.
func Configuration(docs, example string) (Page, error) {
	examples := Examples(example)
	var text strings.Builder
	text.WriteString("# NAME\nanaplan-agent-config - configuration file of anaplan-agent\n\n# DESCRIPTION\n")
	for line := range strings.Lines(docs) {
		switch cells := cells(line); {
		case strings.HasPrefix(line, "# "):
		case strings.HasPrefix(line, "## "):
			text.WriteString("# " + strings.ToUpper(strings.TrimPrefix(line, "## ")))
		case cells == nil:
			text.WriteString(WithoutLinks(line))
		case len(cells) == 2:
			writePair(&text, cells)
		case cells[0] == "setting" || strings.HasPrefix(cells[0], "---"):
		default:
			if err := writeSetting(&text, cells, examples); err != nil {
				return Page{}, err
			}
		}
	}
	text.WriteString("\n# FILES\n*/etc/anaplan-agent/config.toml*, *~/.config/anaplan-agent/config.toml*\n")
	text.WriteString("\n# SEE ALSO\n**anaplan-agent**(1), **anaplan-agent-addresses**(7)\n")
	return Page{Name: "anaplan-agent-config", Section: 5, Text: text.String()}, nil
}

// writePair writes a row of a table without a head.
func writePair(text *strings.Builder, cells []string) {
	if cells[0] != "" && !strings.HasPrefix(cells[0], "---") {
		fmt.Fprintf(text, "**%s**\n: %s\n\n", cells[0], WithoutLinks(cells[1]))
	}
}

// writeSetting writes the settings of a row, their default and their examples.
func writeSetting(text *strings.Builder, cells []string, examples map[string]string) error {
	if len(cells) != 3 {
		return fmt.Errorf("docs/configuration.md: a row of settings has %d cells: %q", len(cells), cells)
	}
	fmt.Fprintf(text, "%s\n: %s", strings.ReplaceAll(cells[0], "`", "**"), WithoutLinks(cells[1]))
	if cells[2] != "" {
		fmt.Fprintf(text, " (default: %s)", cells[2])
	}
	for name := range strings.SplitSeq(strings.ReplaceAll(cells[0], "`", ""), ", ") {
		line := examples[name]
		if line == "" {
			return fmt.Errorf("the example configuration lacks %s, which docs/configuration.md has", name)
		}
		fmt.Fprintf(text, "; example: `%s`", line)
	}
	text.WriteString("\n\n")
	return nil
}

// cells returns the cells of a row of a table; nil for another line.
func cells(line string) []string {
	line, isRow := strings.CutPrefix(strings.TrimSpace(line), "|")
	if !isRow {
		return nil
	}
	cells := strings.Split(strings.TrimSuffix(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

var (
	exampleLine = regexp.MustCompile(`(?m)^#?(\w+) *= *(.*)$`)
	link        = regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`)
)

// Examples returns the lines of the example configuration by their settings; what is commented out
// there counts too.
func Examples(example string) map[string]string {
	found := map[string]string{}
	for _, match := range exampleLine.FindAllStringSubmatch(example, -1) {
		if found[match[1]] == "" {
			found[match[1]] = match[1] + " = " + match[2]
		}
	}
	return found
}

// WithoutLinks returns Markdown whose links to other pages are their words: a manual page leads
// nowhere.
func WithoutLinks(text string) string { return link.ReplaceAllString(text, "$1") }
