package main

// A token is never an argument: every user of a machine can read every command line.

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const logoutHelp = `End a token at once, before it expires.

The token comes from the environment variable ANAPLAN_TOKEN, as set by
'token --output env', or from where --token-from says. Without either, logout ends the
agent's token of the profile, for all its users. If that fails, the agent no longer hands
the token out, and the next logout retries. If the profile has a policy, only root and the
agent's user may do that.`

// newLogoutCommand returns the logout command.
func newLogoutCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "logout",
		Short:   "end a token",
		Example: "anaplan-agent logout --token-from file:token",
		Long:    logoutHelp,
		Args:    settings.NoArguments,
	}
	// No setting of the device: a token is ended without the key that it came from.
	s := settings.Add(cmd, settings.ServerFlags, settings.SocketFlags)
	from := login.AddTokenFrom(cmd, "env:"+login.TokenVariable)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if _, ok := os.LookupEnv(login.TokenVariable); !ok && !cmd.Flags().Changed("token-from") {
			session, err := agentclient.Connect(s, say)
			if err != nil {
				return err
			}
			if session != nil {
				defer session.Close()
				return session.Logout()
			}
		}
		profile, err := s.Load()
		if err != nil {
			return err
		}
		// The client first: wrong settings must show before a token is read from a pipe, which
		// gives it only once.
		client, err := settings.NewClient(profile, nil)
		if err != nil {
			return err
		}
		token, err := login.ReadToken(*from)
		if err != nil {
			return err
		}
		if phantom.Is(token.Value.Reveal()) {
			return agentclient.LogoutPhantom(s, say, token)
		}
		// Nobody is asked here, so a plain deadline does.
		ctx, cancel := context.WithTimeout(cmd.Context(), profile.Timeout)
		defer cancel()
		if err := client.Logout(ctx, token); err != nil {
			return err
		}
		say.Note("the token is ended")
		return nil
	}
	return cmd
}
