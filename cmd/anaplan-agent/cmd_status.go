package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/status"
)

const statusHelp = `Show each profile of the agent: its state, how long the token and the certificate are good,
when the token is renewed, which of several keys is in use, and what is wrong.

  idle      the token was not requested yet, or not for a long time
  healthy   there is a live token
  degraded  there is a live token, but renewing it fails
  down      there is no token, and login fails
  locked    'lock' was called`

// newStatusCommand returns the status command.
func newStatusCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "status", Short: "show what the agent does", Example: "anaplan-agent status --watch", Long: statusHelp, Args: settings.NoArguments}
	s := settings.Add(cmd, settings.SocketFlags)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	watch := cmd.Flags().Bool("watch", false, "keep showing it until interrupted; with --json print a line for each change")
	cmd.RunE = agentclient.RunE(s, say, func(session *agentclient.Session) error {
		if err := console.CheckStdout(); err != nil {
			return err
		}
		if *watch {
			return status.Watch(cmd.Context(), session, *asJSON)
		}
		answer, err := session.Client.Status(session.Ctx)
		if err != nil {
			return session.InTime(err)
		}
		if *asJSON {
			return console.PrintJSON(status.ForPrograms(answer))
		}
		return console.PrintResult(console.Marked(status.Text(answer, time.Now()), status.OfState()))
	})
	return cmd
}
