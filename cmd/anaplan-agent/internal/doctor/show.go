package doctor

// How findings are shown to a person: the count first, and at a terminal only what is wrong.

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// doctorGroups are the headings, by what the names of checks begin with.
var doctorGroups = map[string]string{
	"config":      "Configuration",
	"agent":       "Agent on this machine",
	"fleet":       "Other machines",
	"pin":         "PIN",
	"device":      "Device and key",
	"certificate": "Certificate",
	"network":     "Network",
	"anaplan":     "A login to Anaplan",
}

// groupOf returns the heading of a finding.
func groupOf(f finding.Finding) string {
	prefix, _, _ := strings.Cut(f.Check, ".")
	return doctorGroups[prefix]
}

// byGroup returns the findings with those of a group together: what a login shows of the device comes last.
func byGroup(findings []finding.Finding) []finding.Finding {
	rank := map[string]int{}
	for i, f := range findings {
		if _, seen := rank[groupOf(f)]; !seen {
			rank[groupOf(f)] = i
		}
	}
	return slices.SortedStableFunc(slices.Values(findings), func(a, b finding.Finding) int {
		return rank[groupOf(a)] - rank[groupOf(b)]
	})
}

// text returns the summary and the findings, all of them or those that are problems.
func (r *Report) text(all bool) string {
	var text strings.Builder
	text.WriteString(r.summary() + "\n")
	group, left := "", 0
	for _, f := range byGroup(r.findings) {
		if !all && f.Severity != finding.Error && f.Severity != finding.Warning {
			left++
			continue
		}
		if groupOf(f) != group {
			group = groupOf(f)
			fmt.Fprintf(&text, "\n%s\n", group)
		}
		fmt.Fprintf(&text, "  %-8s %s: %s\n", f.Severity, f.Check, f.What)
		if f.Do != "" {
			fmt.Fprintf(&text, "  %-8s -> %s\n", "", f.Do)
		}
	}
	if left > 0 {
		fmt.Fprintf(&text, "\nthe other %s: %s doctor --all\n", console.Counted(left, "finding"), build.Program)
	}
	return text.String()
}

// summary counts the findings.
func (r *Report) summary() string {
	count := map[finding.Severity]int{}
	for _, f := range r.findings {
		count[f.Severity]++
	}
	return fmt.Sprintf("%s, %s, %d skipped, %d info, %d ok", console.Counted(count[finding.Error], "error"), console.Counted(count[finding.Warning], "warning"),
		count[finding.Skipped], count[finding.Info], count[finding.OK])
}

// ofSeverity says which words of the text are coloured.
func ofSeverity() console.Mark {
	return console.Mark{
		Place: regexp.MustCompile(`^  (error|warning|ok) `),
		Words: map[string]console.Colour{
			string(finding.Error): console.Red, string(finding.Warning): console.Yellow, string(finding.OK): console.Green,
		},
	}
}
