package status

import (
	"fmt"
	"slices"
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
	version := ""
	if i := slices.IndexFunc(fleet.Members, func(m local.FleetMember) bool { return m.Self }); i >= 0 {
		version = fleet.Members[i].Version
	}
	for _, member := range fleet.Members {
		self := ""
		if member.Self {
			self = " (this agent)"
		}
		fmt.Fprintf(&text, "  %s%s: %s\n", console.OneLine(member.Address), self, console.OneLine(memberText(member)+memberRemarks(member, version)))
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

// memberRemarks says what is odd about a member, by this one's version.
func memberRemarks(member local.FleetMember, version string) string {
	if member.Unreachable != "" {
		return ""
	}
	var remarks strings.Builder
	if !member.Self { // what this one does not reach has lines of its own
		for _, other := range member.CannotReach {
			fmt.Fprintf(&remarks, "; it does not reach %s (%s)", other.Address, other.Why)
		}
	}
	if member.ClockAhead != 0 {
		remarks.WriteString("; its clock is " + console.Ahead(time.Duration(member.ClockAhead)*time.Second))
	}
	if member.Version != version {
		remarks.WriteString("; it is version " + member.Version)
	}
	return remarks.String()
}
