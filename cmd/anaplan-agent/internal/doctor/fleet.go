package doctor

// What this machine and others need to know each other: package mutualtls has it.

import (
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// lateRenewal is the part of a certificate's life before whose last it should have been renewed:
// cert-manager does that with a third of it left, and SPIRE with half.
const lateRenewal = 6

// checkFleet looks at the certificate by which other machines know this one, and at who may call by one.
func checkFleet(r *Report, own *config.Agent, clients []*config.Client) {
	if own.TLS == "" {
		return
	}
	identity, err := mutualtls.Open(own.TLS, nil)
	if err != nil {
		r.fail("fleet.certificate", "correct tls under [agent]", "%v", err)
		return
	}
	r.judgeIdentity(identity.State(), own.TLS)
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
