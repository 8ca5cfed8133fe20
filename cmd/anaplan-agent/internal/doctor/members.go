package doctor

// The members of the fleet of which this agent is one.

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/fleet"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// seenMember is a member as doctor has found it.
type seenMember struct {
	address string
	self    bool
	told    local.Member
	err     error         // in words, why it does not answer
	skew    time.Duration // of its clock, which is ahead by it
}

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
	seen := seeMembers(ctx, members, identity)
	for _, member := range seen {
		r.judgeFleetMember(member)
	}
	r.judgeLeader(seen)
}

func seeMembers(ctx context.Context, members *config.Fleet, identity *mutualtls.Identity) []seenMember {
	probe := fleet.NewProbe(identity, members.Trust)
	ctx, cancel := context.WithTimeout(ctx, memberTime)
	defer cancel()
	seen := make([]seenMember, len(members.Members))
	var all sync.WaitGroup
	for i, address := range members.Members {
		all.Go(func() {
			began := time.Now()
			told, err := probe(ctx, address)
			seen[i] = seenMember{address: address, self: address == members.Address, told: told, err: err}
			if err == nil {
				seen[i].skew = told.Time.Sub(began.Add(time.Since(began) / 2))
			}
		})
	}
	all.Wait()
	return seen
}

// memberTime is how long a member may take to answer.
const memberTime = 5 * time.Second

// judgeFleetMember says how a member does.
func (r *Report) judgeFleetMember(seen seenMember) {
	there := "there: "
	if seen.self {
		there = ""
	}
	switch {
	case seen.err != nil && seen.self:
		r.warn("fleet.member", "start the agent here; if it runs, compare address under [fleet] with listen_tls and with the names in the certificate",
			"%s, which is this agent: %v", seen.address, seen.err)
	case seen.err != nil:
		r.warn("fleet.member", "start it there, and compare members and trust with listen_tls there, and with the names in its certificate; "+build.Program+" status there says who was turned away",
			"%s: %v (without it the others serve on)", seen.address, seen.err)
	case !seen.told.Fit:
		r.warn("fleet.member", there+build.Program+" doctor", "%s answers, and cannot lead: %s", seen.address, seen.told.Problem)
	case seen.told.Leads:
		r.ok("fleet.member", "%s answers, and leads", seen.address)
	default:
		r.ok("fleet.member", "%s answers, and could lead", seen.address)
	}
	if seen.err != nil {
		return
	}
	if seen.told.Version != build.Version() {
		r.info("fleet.version", "", "%s is version %s, and this is %s", seen.address, seen.told.Version, build.Version())
	}
	if !seen.self {
		r.judgeClock(seen.address, seen.skew.Round(time.Second).Abs())
	}
}

// judgeLeader says who leads.
func (r *Report) judgeLeader(seen []seenMember) {
	var leaders []string
	for _, member := range seen {
		if member.err == nil && member.told.Leads {
			leaders = append(leaders, member.address)
		}
	}
	switch len(leaders) {
	case 1:
		r.ok("fleet.leader", "%s leads", leaders[0])
	case 0:
		r.fail("fleet.leader", "start an agent on one of the members", "none of the members leads")
	default:
		r.warn("fleet.leader", "if it stays so, see fleet.member on each of them: they do not reach each other",
			"%s lead at the same time, so there are several logins, and each has an allowance of its own", strings.Join(leaders, " and "))
	}
}
