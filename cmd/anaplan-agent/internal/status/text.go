package status

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// Text returns the status as a table, and below it what is wrong.
func Text(status local.Status, now time.Time) string {
	var text strings.Builder
	fmt.Fprintf(&text, "agent %s, process %d, up %v\n", console.OneLine(status.Version), status.PID, now.Sub(status.StartedAt).Round(time.Second))
	if status.Address != "" {
		fmt.Fprintf(&text, "listening on %s for clients of Anaplan's API\n", console.OneLine(status.Address))
	}
	text.WriteString(remoteText(status, now))
	text.WriteString(fleetText(status.Fleet, now))
	if status.Problem != nil {
		text.WriteString(problemText(status.Problem) + "\n")
	}
	table := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "PROFILE\tSTATE\tUSER\tREGION\tTOKEN ENDS\tRENEWAL\tCERTIFICATE ENDS\tLAST ASKED")
	for _, p := range status.Profiles {
		user, until := "-", "-"
		if p.Certificate != nil {
			user = cmp.Or(console.OneLine(p.Certificate.Email), "-")
			until = p.Certificate.NotAfter.Local().Format(time.DateOnly)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", console.OneLine(p.Name), p.State, user,
			cmp.Or(console.OneLine(p.Region), "-"), ahead(p.ExpiresAt, now), ahead(p.RenewAt, now), until, behind(p.UsedAt, now))
	}
	table.Flush()
	for _, p := range status.Profiles {
		text.WriteString(profileRemarks(p, status.Fleet != nil, now))
	}
	text.WriteString(refusalsText(status.Refusals, now))
	for i, c := range status.Clients {
		if i == 0 {
			text.WriteString("\nCLIENT, for PROFILE: POLICY\n")
		}
		fmt.Fprintf(&text, "%s, for %s: %s\n", console.OneLine(c.Name), console.OneLine(c.Profile), console.OneLine(strings.Join(c.Policy, "; ")))
	}
	return text.String()
}

// OfState says which words of the text are coloured: the states, in the second column of the table.
func OfState() console.Mark {
	return console.Mark{
		Place: regexp.MustCompile(`^\S+  +(healthy|degraded|down|locked)  `),
		Words: map[string]console.Colour{
			string(agent.StateHealthy): console.Green, string(agent.StateDegraded): console.Yellow,
			string(agent.StateDown): console.Red, string(agent.StateLocked): console.Yellow,
		},
	}
}

// mostShownRefusals is how many of the last refusals are shown; --json has all that the agent keeps.
const mostShownRefusals = 5

// refusalsText returns what policies have refused lately, and what would allow it.
func refusalsText(all []local.Refusal, now time.Time) string {
	var text strings.Builder
	for i, r := range all[:min(len(all), mostShownRefusals)] {
		if i == 0 {
			text.WriteString("\nREFUSED by policies, the latest first\n")
		}
		times := ""
		if r.Count > 1 {
			times = fmt.Sprintf(", %d times", r.Count)
		}
		fmt.Fprintf(&text, "%s ago: %s %s, for %s%s\n", now.Sub(r.At).Round(time.Second), console.OneLine(r.Method), console.OneLine(r.Path),
			console.OneLine(strings.TrimPrefix(r.Client, "client:")), times)
		if r.Rule != "" {
			fmt.Fprintf(&text, "  this rule would allow it: %s\n", console.OneLine(r.Rule))
		}
	}
	if more := len(all) - mostShownRefusals; more > 0 {
		fmt.Fprintf(&text, "and %d more: %s status --json\n", more, build.Program)
	}
	return text.String()
}

// profileRemarks returns what does not fit into a profile's line: what is wrong, waits that Anaplan
// asked for, which of several keys is in use, and that the certificate is about to end.
func profileRemarks(p local.ProfileStatus, inFleet bool, now time.Time) string {
	var lines []string
	if p.Problem != nil {
		lines = append(lines, problemText(p.Problem))
	}
	if !p.WaitUntil.IsZero() {
		lines = append(lines, fmt.Sprintf("no login is tried for another %v; to try now: %s login", max(p.WaitUntil.Sub(now), 0).Round(time.Second), build.Program))
	}
	if p.TokenFile != nil {
		lines = append(lines, console.Indented(p.TokenFile.Message))
	}
	if !p.HeldUntil.IsZero() {
		lines = append(lines, fmt.Sprintf("Anaplan limits the rate of calls (429): none is sent until %s, %s", console.Time(p.HeldUntil), ahead(p.HeldUntil, now)))
	}
	switch {
	case p.Member != "" && inFleet:
		lines = append(lines, fmt.Sprintf("the member %s leads and makes the calls", console.OneLine(p.Member)))
	case p.Member != "" && p.Key == 0:
		lines = append(lines, fmt.Sprintf("the member %s has not answered yet; it is the first to be asked of %d", console.OneLine(p.Member), p.Keys))
	case p.Member != "" && p.Keys > 1:
		lines = append(lines, fmt.Sprintf("the member %s, %d of %d, has the key and makes the calls", console.OneLine(p.Member), p.Key, p.Keys))
	case p.Member != "":
		lines = append(lines, fmt.Sprintf("the member %s has the key and makes the calls", console.OneLine(p.Member)))
	case p.Key > 0:
		lines = append(lines, fmt.Sprintf("key %d of %d is in use", p.Key, p.Keys))
	}
	if p.Warning != "" {
		lines = append(lines, "warning: "+console.OneLine(p.Warning))
	}
	if len(lines) == 0 {
		return ""
	}
	return fmt.Sprintf("\n%s: %s\n", console.OneLine(p.Name), strings.Join(lines, "\n  "))
}

// problemText is a problem with its hints.
func problemText(problem *agent.Problem) string {
	lines := []string{console.Indented(problem.Message)}
	for _, hint := range problem.Hints {
		lines = append(lines, "hint: "+console.OneLine(hint))
	}
	return strings.Join(lines, "\n  ")
}

// ahead and behind say how far away a time is; "-" and "never" for the zero time.
func ahead(then, now time.Time) string {
	if then.IsZero() {
		return "-"
	}
	return "in " + max(then.Sub(now), 0).Round(time.Second).String()
}

func behind(then, now time.Time) string {
	if then.IsZero() {
		return "never"
	}
	return max(now.Sub(then), 0).Round(time.Second).String() + " ago"
}
