package main

// Which user a certificate stands for. Validating a token answers that (contract section 3) without
// a call of the integration API, whose host a firewall may block.

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const whoamiHelp = `Log in, ask Anaplan which user the certificate stands for, and log out. whoami always logs
in by itself, even if an agent runs: it tests the key.

With --token-from it asks about an existing token, and ends nothing.`

// newWhoamiCommand returns the whoami command. It checks a registration, from key to user, and
// leaves no token behind.
func newWhoamiCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "whoami",
		Short:   "show which Anaplan user the certificate stands for, and until when",
		Example: "anaplan-agent whoami --profile prod",
		Long:    whoamiHelp,
		Args:    settings.NoArguments,
	}
	s := settings.Add(cmd, settings.SignFlags, settings.ServerFlags)
	from := login.AddTokenFrom(cmd, "")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = device.RunE(s, say, func(run *device.Run) error {
		if err := settings.NotEmpty(cmd, "token-from"); err != nil {
			return err
		}
		if *from == "" {
			agentclient.TellOwnTry(s, say)
		}
		who, err := login.Whoami(run, *from)
		if err != nil {
			return err
		}
		if *asJSON {
			return console.PrintJSON(who)
		}
		return console.PrintResult(console.Printable(who.Text(time.Now())))
	})
	return cmd
}
