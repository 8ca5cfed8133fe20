package daemon

// Profiles whose key other agents have.

import (
	"context"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/edge"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// loginService is where a profile logs in: Anaplan, or other agents.
type loginService interface {
	agent.Exchange
	Validate(ctx context.Context, token agent.Token) (anaplan.Identity, error)
}

// loginAt returns where a profile logs in; members, too, if those are other agents.
// back is called when a member is back after none was.
func (d *agentProcess) loginAt(profile *config.Profile, back func()) (service loginService, members *edge.Members, err error) {
	addresses := profile.Members()
	if addresses == nil {
		service, err = d.clients.of(profile, d.log)
		return service, nil, err
	}
	if d.remote.identity == nil {
		return nil, nil, fmt.Errorf("%w: key: %s wants a certificate of this machine: under [agent], tls = \"DIRECTORY\" with tls.crt, tls.key and ca.crt; then start the agent again", settings.ErrSettings, addresses[0])
	}
	for _, address := range addresses {
		d.metrics.Forwards(address.Address())
	}
	members = edge.New(edge.Config{
		Members: addresses, Identity: d.remote.identity, Logger: d.log.With("profile", profile.Name), Back: back, Sent: d.metrics.Forwarded,
	})
	return members, members, nil
}

// lookAt returns what looks whether a service can be reached; nil for members, which are looked at
// anyway.
func lookAt(service loginService) func(context.Context) error {
	if client, ok := service.(*anaplan.Client); ok {
		return client.Look
	}
	return nil
}

// signer returns what makes the profile's logins.
func (p *servedProfile) signer() func(context.Context, bool, agent.NotifyFunc) (*agent.Login, error) {
	if p.members != nil {
		return p.members.Sign
	}
	return p.sign
}
