package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/daemon"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const serveHelp = `Be the agent: keep a live token for each profile of the configuration file, and hand it to
the programs of this user, and of the users that a profile allows, on a unix socket. One
login lasts for as long as Anaplan refreshes its token.

  anaplan-agent serve &
  anaplan-agent token                    from the agent, without a login of its own
  anaplan-agent exec -- ./nightly.sh     with the token in ANAPLAN_TOKEN
  anaplan-agent status
  curl --unix-socket $XDG_RUNTIME_DIR/anaplan-agent/agent.sock http://agent/v1/token

A profile logs in when its token is first requested. If the PIN is not written down
anywhere, the command that needs it asks for it; the agent keeps it in memory until 'lock',
or until the profile is idle.

Programs that call Anaplan through the agent are named in the configuration as
[client.NAME], each with a policy: see 'client --help' and 'policy --help'.

Flags and environment variables change the profile that --profile names. SIGHUP reads the
configuration again, SIGTERM or 'stop' ends the agent. 'service install' has systemd, launchd
or Windows start it.`

// newServeCommand returns the serve command.
func newServeCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "be the agent: keep tokens alive and serve them on a unix socket",
		Long:  serveHelp,
		Args:  settings.NoArguments,
	}
	s := settings.Add(cmd, settings.SignFlags, settings.ServerFlags, settings.AgentFlags)
	host := addHosts(cmd, s, say)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if served, err := host(); served || err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return daemon.Serve(ctx, s, say, daemon.Host{})
	}
	return cmd
}
