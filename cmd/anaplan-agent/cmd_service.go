package main

import (
	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/help"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/service"
)

const serviceHelp = `Have systemd (Linux), launchd (macOS) or Windows start the agent:

  anaplan-agent service install          for you, while you are logged in
  sudo anaplan-agent service install     for the machine, as a user of its own
  anaplan-agent service print            only show what would be written

With systemd the agent starts at the first connection to its socket, and is restarted when
it crashes or hangs. Put your changes into a drop-in (systemctl edit
anaplan-agent.service): a file that was changed by hand is neither replaced nor removed
without --force.

On Windows it is a task of yours, which starts when you log on, or, as an administrator, a
service that runs as NT SERVICE\anaplan-agent. The service's log is in the Event Log.`

// newServiceCommand returns the service command.
func newServiceCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "have systemd, launchd or Windows start the agent",
		Long:  serviceHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return help.UnknownCommand(cmd, args[0])
			}
			return explain.Usagef(cmd.CommandPath(), "a subcommand is needed: print, install or uninstall")
		},
	}
	cmd.AddCommand(service.NewPrint(say), service.NewInstall(say), service.NewUninstall(say))
	return cmd
}
