package doctor

// What this machine and others need to know each other: package mutualtls has it.

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/edge"
	"github.com/anaplan-agent/anaplan-agent/agent/fleet"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// lateRenewal is the part of a certificate's life before whose last it should have been renewed:
// cert-manager does that with a third of it left, and SPIRE with half.
const lateRenewal = 6

// checkFleet looks at the certificate by which other machines know this one, and at who may call by one.
func checkFleet(r *Report, own *config.Agent, profile *config.Profile, clients []*config.Client) {
	switch {
	case own.TLS == "" && profile != nil && profile.Members() != nil:
		r.fail("fleet.certificate", `under [agent]: tls = "DIRECTORY" with tls.crt, tls.key and ca.crt`, "the key is another agent's, which knows this machine by a certificate, and there is none")
		return
	case own.TLS == "":
		return
	}
	identity, err := mutualtls.Open(own.TLS, nil)
	if err != nil {
		r.fail("fleet.certificate", "correct tls under [agent]", "%v", err)
		return
	}
	r.judgeIdentity(identity.State(), own.TLS)
	r.judgeTLSKey(filepath.Join(own.TLS, mutualtls.KeyFile))
	if own.ListenTLS != "" {
		checkRemoteClients(r, own, clients)
	}
}

// judgeIdentity says how a machine's certificate for others does.
func (r *Report) judgeIdentity(state mutualtls.State, dir string) {
	switch {
	case state.Problem != nil:
		r.fail("fleet.certificate", "put the files in "+dir+" right; the agent reads them again by itself", "%v", state.Problem)
	case time.Until(state.NotAfter) < state.NotAfter.Sub(state.NotBefore)/lateRenewal:
		r.warn("fleet.certificate", "see that whatever renews the files in "+dir+" does so in time",
			"the certificate for other machines ends at %s", console.Time(state.NotAfter))
	default:
		r.ok("fleet.certificate", "other machines know this one as %s, until %s", strings.Join(state.Names, ", "), console.Time(state.NotAfter))
	}
}

// judgeTLSKey looks at who can read the key by which this machine is known. A group may, for that is how
// whatever renews it gives it to the agent.
func (r *Report) judgeTLSKey(path string) {
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&0o007 != 0 && paths.OthersMayRead(path, info) {
		r.warn("fleet.certificate", remedy.Here().KeepPrivate(path), "everybody here can read %s, and call as this machine", path)
	}
}

// checkRemoteClients looks at whether anybody may call from another machine.
func checkRemoteClients(r *Report, own *config.Agent, clients []*config.Client) {
	var named []string
	for _, client := range clients {
		if len(client.Certificates) > 0 {
			named = append(named, client.Name)
		}
	}
	if len(named) == 0 {
		r.warn("fleet.clients", `write certificates = ["spiffe://DOMAIN/PATH"] into a table [client.NAME], and then: `+build.Program+" reload",
			"listen_tls is %s, but no client has certificates, so everybody who calls there is refused", own.ListenTLS)
		return
	}
	r.ok("fleet.clients", "clients on other machines: %s", strings.Join(named, ", "))
}

// badSkew is by how much clocks differ where that may already keep machines apart.
const badSkew = 3 * time.Minute

// checkMembers asks the agents that have the profile's key: whether they can be reached, who this machine
// is to them, and what time it is there.
func checkMembers(ctx context.Context, r *Report, found setUp, offline bool) {
	if found.profile == nil || found.profile.Members() == nil {
		return
	}
	if offline {
		r.skip("fleet.member", "--offline")
		return
	}
	identity, err := mutualtls.Open(found.agent.TLS, nil)
	if err != nil {
		r.skip("fleet.member", "there is no certificate to show to the members")
		return
	}
	looks := edge.New(edge.Config{Members: found.profile.Members(), Identity: identity}).Look(ctx)
	works := slices.ContainsFunc(looks, func(look edge.Look) bool { return look.Err == nil })
	for _, look := range looks {
		r.judgeMember(look, works)
	}
}

// toDo returns what a member that has refused this machine says is to be done; else what else is.
func toDo(err error, otherwise string) string {
	if refusal, ok := errors.AsType[*agent.Problem](err); ok && len(refusal.Hints) > 0 {
		return strings.Join(refusal.Hints, "; ")
	}
	return otherwise
}

// judgeMember says how a member does. works: one of them does.
func (r *Report) judgeMember(look edge.Look, works bool) {
	const remedy = "start it there, and compare listen_tls, and the names in its certificate with the address here; " + build.Program + " status at the member says who was turned away"
	switch {
	case look.Err != nil && works:
		r.warn("fleet.member", toDo(look.Err, remedy), "%s: %v (another member takes its place)", look.Address, look.Err)
	case look.Err != nil:
		r.fail("fleet.member", toDo(look.Err, remedy), "%s: %v", look.Address, look.Err)
	default:
		r.ok("fleet.member", "%s answers, and takes this machine for the client %s", look.Address, strings.Join(look.Status.Caller.Clients, ", "))
	}
	if look.Err == nil && look.Status.Version != build.Version() {
		r.info("fleet.version", "", "%s is version %s, and this is %s", look.Address, look.Status.Version, build.Version())
	}
	if look.Err == nil || look.Skew != 0 {
		r.judgeClock(look.Address, look.Skew)
	}
}

// judgeClock says whether the clock of another machine is right by this one's, which it is ahead of by skew.
func (r *Report) judgeClock(address string, skew time.Duration) {
	const remedy = "set the clocks of both machines by NTP"
	differs := "the clock of " + address + " is " + console.Ahead(skew) + " of this one's"
	switch {
	case skew.Abs() >= badSkew:
		r.fail("fleet.clock", remedy, "%s", differs)
	case skew.Abs() >= fleet.OddSkew:
		r.warn("fleet.clock", remedy, "%s", differs)
	default:
		r.ok("fleet.clock", "the clock of %s is this one's", address)
	}
}
