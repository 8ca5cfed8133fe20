package agentclient

import (
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// Be decides for whom the session makes calls: the client that is named, or the profile of the
// settings. Where neither is named, and the default profile is not this user's, it is the client that
// the user is. It returns the client, "" for none.
func (a *Session) Be(s *settings.Settings, client string) (string, error) {
	if client == "" && s.Profile == "" && s.ProfileName() == local.DefaultProfile {
		return a.ownClient()
	}
	profile, err := ProfileFor(s, client)
	a.Profile = profile
	return client, err
}

// ownClient returns the one client that this user is; "" if the user may use the default profile, or
// is not a client at all.
func (a *Session) ownClient() (string, error) {
	a.Profile = local.DefaultProfile
	status, err := a.Client.Status(a.Ctx)
	if err != nil {
		return "", a.InTime(err)
	}
	may := func(name string) bool {
		return slices.ContainsFunc(status.Profiles, func(p local.ProfileStatus) bool { return p.Name == name })
	}
	clients := status.Clients
	switch {
	case may(local.DefaultProfile), len(clients) == 0:
		return "", nil
	case len(clients) > 1:
		return "", severalClients(clients)
	}
	if a.Profile = clients[0].Profile; !may(a.Profile) {
		a.Profile = "" // it is not this user's to prepare
	}
	return clients[0].Name, nil
}

// severalClients says that the user has to choose.
func severalClients(clients []local.ClientStatus) error {
	const most = 20
	var names []string
	for _, client := range clients[:min(len(clients), most)] {
		names = append(names, client.Name)
	}
	problem := agent.Problemf(agent.CodeBadRequest, "user %s is several clients, %s: say which one", local.NameOf(local.Self()), strings.Join(names, ", "))
	problem.Hints = []string{"the same command with --client " + strings.Join(names, ", or --client ")}
	return problem
}
