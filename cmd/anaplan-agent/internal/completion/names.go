package completion

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/listing"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/tasks"
)

// runArguments returns the kinds of what can be run, then the names of what there is of a kind in
// the model that is named.
func runArguments(cmd *cobra.Command, args []string, _ string) []string {
	switch {
	case len(args) == 0:
		return tasks.RunWords
	case len(args) > 1:
		return nil
	case flag(cmd, "model") == "":
		return cobra.AppendActiveHelp(nil, "with --model before it, names are completed: run --model NAME "+args[0])
	}
	return names(cmd, tasks.ListOf(args[0]))
}

// names returns the names of what there is of a kind of listing's; "" is none.
func names(cmd *cobra.Command, kind string) []string {
	return listed(cmd, func(api *agentclient.API) ([]listing.Item, error) {
		return listing.Items(api, kind, flag(cmd, "model"), flag(cmd, "workspace"))
	}, func(item listing.Item) string { return described(item.Name, item.ID) })
}

// listed asks Anaplan through the agent, and words each thing.
func listed(cmd *cobra.Command, ask func(*agentclient.API) ([]listing.Item, error), word func(listing.Item) string) (found []string) {
	api := ready(cmd)
	if api == nil {
		return nil
	}
	defer api.Close()
	items, err := ask(api)
	if err != nil {
		return nil
	}
	for _, item := range items {
		found = append(found, word(item))
	}
	return found
}

// ready returns the way to Anaplan through the agent, if it has a token that lives: Tab is not a reason
// for a login. nil: there is none.
func ready(cmd *cobra.Command) *agentclient.API {
	session := session(cmd)
	if session == nil {
		return nil
	}
	client, err := session.Be(settings.Of(cmd), agentclient.ClientOf(cmd, flag(cmd, "client")))
	if err != nil || !isLive(session) {
		session.Close()
		return nil
	}
	return session.Ready(cmd.Context(), client)
}

// isLive reports whether the session's profile has a token.
func isLive(session *agentclient.Session) bool {
	status, err := session.Client.Status(session.Ctx)
	if err != nil {
		return false
	}
	for _, profile := range status.Profiles {
		if profile.Name == session.Profile {
			return isToken(profile)
		}
	}
	return false
}

func isToken(profile local.ProfileStatus) bool { return time.Now().Before(profile.ExpiresAt) }

// flag returns the value of a flag; "" where the command has none of that name.
func flag(cmd *cobra.Command, name string) string {
	if flag := cmd.Flags().Lookup(name); flag != nil {
		return flag.Value.String()
	}
	return ""
}
