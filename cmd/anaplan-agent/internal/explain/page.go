package explain

import (
	"fmt"
	"strings"
)

// Page returns the rows that help as a table in Markdown: what the error says, and what to do.
// What depends on an error's data is left out, unless More says it.
func (t Table) Page() string {
	var page strings.Builder
	page.WriteString("| the error says | do this |\n|---|---|\n")
	for _, row := range t {
		says, do := row.Says, row.remedies()
		if says == "" && row.Is != nil {
			says = row.Is.Error()
		}
		if says != "" && len(do) > 0 {
			fmt.Fprintf(&page, "| `%s` | %s |\n", cell(says), cell(strings.Join(do, "<br>")))
		}
	}
	return page.String()
}

func (r Row) remedies() (do []string) {
	for _, hint := range r.Hints {
		do = append(do, hint.String())
	}
	if r.More != "" {
		do = append(do, r.More)
	}
	return do
}

// cell keeps a text within its cell.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}
