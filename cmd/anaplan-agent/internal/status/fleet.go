package status

import (
	"fmt"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// fleetText returns the lines about the fleet: who leads, for how long and why, and how each member does.
func fleetText(fleet *local.FleetStatus, now time.Time) string {
	if fleet == nil {
		return ""
	}
	var text strings.Builder
	fmt.Fprintf(&text, "member %s of a fleet%s\n", console.OneLine(fleet.Address), leadText(fleet, now))
	if fleet.Trouble != "" {
		fmt.Fprintf(&text, "  who leads is not known for sure: %s\n", console.Indented(fleet.Trouble))
	}
	for _, member := range fleet.Members {
		self := ""
		if member.Self {
			self = " (this agent)"
		}
		fmt.Fprintf(&text, "  %s%s: %s\n", console.OneLine(member.Address), self, console.OneLine(memberText(member)))
	}
	return text.String()
}

// leadText says who leads.
func leadText(fleet *local.FleetStatus, now time.Time) string {
	lead := fmt.Sprintf("for %v: %s", max(now.Sub(fleet.Since), 0).Round(time.Second), console.OneLine(fleet.Why))
	switch fleet.Leader {
	case "":
		return "; which one leads is not known yet"
	case fleet.Address:
		return ", which leads, " + lead
	}
	return "; " + console.OneLine(fleet.Leader) + " leads, " + lead
}

// memberText says how a member does.
func memberText(member local.FleetMember) string {
	switch {
	case member.Unreachable != "":
		return member.Unreachable
	case !member.Fit && member.Leads:
		return "leads, although it cannot: " + member.Problem
	case !member.Fit:
		return "cannot lead: " + member.Problem
	case member.Leads:
		return "leads"
	}
	return "could lead"
}
