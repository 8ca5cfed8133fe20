// Package manual writes the manual pages of the programs, from what they are documented by already:
// a page for each command from its help, one for the configuration file from the tables of
// docs/configuration.md and the example configuration, and pages that are written as Markdown.
//
// The tests of cmd/anaplan-agent use it, since only they and the program itself have its commands:
// "make man" runs one of them. It refuses a table that it does not understand, and a setting
// without an example.
package manual

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
)

// Page is a manual page as Markdown.
type Page struct {
	Name    string // as people ask for it: "anaplan-agent-run"
	Section int    // 1 commands, 5 files, 7 conventions
	Text    string // from the line "# NAME" on
}

// File returns the name of the page's file.
func (p Page) File() string { return fmt.Sprintf("%s.%d", p.Name, p.Section) }

// Roff returns the page as man reads it. date is that of the sources, so that the page is the same
// whenever it is made.
func (p Page) Roff(date time.Time) []byte {
	title := fmt.Sprintf("%% %q %q %q %q %q\n", strings.ToUpper(p.Name), strconv.Itoa(p.Section), date.UTC().Format(time.DateOnly), "", "anaplan-agent")
	return md2man.Render([]byte(title + p.Text))
}

// Write writes pages into a directory, which it makes.
func Write(dir string, date time.Time, pages []Page) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, page := range pages {
		if err := os.WriteFile(filepath.Join(dir, page.File()), page.Roff(date), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// special are the characters that mean something to Markdown within a line.
var special = regexp.MustCompile("[\\\\`*_{}\\[\\]<>#|~]")

// escape returns text of a program as Markdown that shows the same.
func escape(text string) string { return special.ReplaceAllString(text, `\$0`) }

// plain returns the help of a command as Markdown. What is indented there is laid out by hand:
// examples, tables.
func plain(help string) string {
	var out strings.Builder
	laidOut := false
	for line := range strings.Lines(help) {
		blank := strings.TrimSpace(line) == ""
		switch indented := strings.HasPrefix(line, "  "); {
		case indented:
			if !laidOut {
				out.WriteString("\n")
			}
			out.WriteString("    " + strings.TrimPrefix(line, "  "))
			laidOut = true
		default:
			if laidOut && !blank {
				out.WriteString("\n")
			}
			out.WriteString(escape(line))
			laidOut = laidOut && blank
		}
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}
