package doctor

// The members of the fleet of which this agent is one.

import (
	"context"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/fleet"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// checkFleetMembers asks all members, this machine's agent too, as they ask each other: whether they can
// be reached, who leads, and what time it is there.
func checkFleetMembers(ctx context.Context, r *Report, own *config.Agent, members *config.Fleet, offline bool) {
	if members == nil || own == nil {
		return
	}
	if offline {
		r.skip("fleet.member", "--offline")
		return
	}
	identity, err := mutualtls.Open(own.TLS, nil)
	if err != nil {
		r.skip("fleet.member", "there is no certificate to show to the members")
		return
	}
	seen := fleet.NewPeers(fleet.PeersConfig{Members: members.Members, Probe: fleet.NewProbe(identity, members.Trust)}).Look(ctx)
	for _, member := range seen {
		r.judgeFleetMember(member, member.Address == members.Address)
	}
	r.judgeReach(seen)
	r.judgeLeader(seen)
}

// judgeFleetMember says how a member does.
func (r *Report) judgeFleetMember(seen fleet.State, isSelf bool) {
	there := "there: "
	if isSelf {
		there = ""
	}
	switch {
	case seen.Err != nil && isSelf:
		r.warn("fleet.member", "start the agent here; if it runs, compare address under [fleet] with listen_tls, and address and trust with the names in the certificate",
			"%s, which is this agent: %v", seen.Address, seen.Err)
	case seen.Err != nil:
		r.warn("fleet.member", toDo(seen.Err, "start it there, and compare members and trust with listen_tls there, and with the names in its certificate; "+build.Program+" status there says who was turned away"),
			"%s: %v (without it the others serve on)", seen.Address, seen.Err)
	case !seen.Told.Fit:
		r.warn("fleet.member", there+build.Program+" doctor", "%s answers, and cannot lead: %s", seen.Address, seen.Told.Problem)
	case seen.Told.Leads:
		r.ok("fleet.member", "%s answers, and leads", seen.Address)
	default:
		r.ok("fleet.member", "%s answers, and could lead", seen.Address)
	}
	if seen.Err != nil {
		return
	}
	if seen.Told.Version != build.Version() {
		r.info("fleet.version", "", "%s is version %s, and this is %s", seen.Address, seen.Told.Version, build.Version())
	}
	if !isSelf {
		r.judgeClock(seen.Address, seen.Skew.Round(time.Second))
	}
}

// judgeReach says which members do not reach each other, by the word of those that answer here: the way
// from one machine to another can be open in one direction only.
func (r *Report) judgeReach(seen []fleet.State) {
	gone := map[string]bool{} // of which it is known already
	for _, member := range seen {
		gone[member.Address] = member.Err != nil
	}
	all := true
	for _, member := range seen {
		all = all && member.Err == nil
		for _, other := range member.Told.CannotReach {
			if member.Err != nil || gone[other.Address] {
				continue
			}
			all = false
			r.warn("fleet.reach", "on the machine of "+member.Address+": "+build.Program+" doctor; the way from there to "+other.Address+" must be open (firewall, route, name)",
				"%s does not reach %s: %s", member.Address, other.Address, other.Why)
		}
	}
	if all {
		r.ok("fleet.reach", "all members reach each other")
	}
}

// judgeLeader says who leads.
func (r *Report) judgeLeader(seen []fleet.State) {
	var leaders []string
	since := ""
	for _, member := range seen {
		if member.Err == nil && member.Told.Leads {
			leaders = append(leaders, member.Address)
			since = console.Time(member.Told.Since)
		}
	}
	switch len(leaders) {
	case 1:
		r.ok("fleet.leader", "%s leads, since %s", leaders[0], since)
	case 0:
		r.fail("fleet.leader", "fleet.member above says why each of them cannot; one that could takes the lead within a few seconds", "none of the members leads")
	default:
		r.warn("fleet.leader", "if it stays so, see fleet.member on each of them: they do not reach each other",
			"%s lead at the same time, so there are several logins, and each has an allowance of its own", strings.Join(leaders, " and "))
	}
}

// judgeLease says how the agent gets on with the store of the lease.
func (r *Report) judgeLease(seen *local.FleetStatus) {
	switch {
	case seen.Trouble != "":
		r.warn("fleet.lease", "calls go on; put it right before the leader's machine fails, which nobody would replace if it froze", "%s", seen.Trouble)
	case seen.Epoch > 0:
		r.ok("fleet.lease", "its store answers this machine's agent; its epoch is %d", seen.Epoch)
	}
}
