package main

import (
	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/asservice"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

const asServiceHelp = `Run a command of this program as systemd runs the machine's service: with its user, groups,
directories, variables and credentials, as the unit and its drop-ins have them. What root makes,
such as a key in SoftHSM's files, the service may not read; what this makes it may.

  sudo anaplan-agent as-service enroll --email integration@example.com > login.csr
  sudo anaplan-agent as-service enroll --certificate - < login.pem
  sudo anaplan-agent as-service whoami
  sudo anaplan-agent as-service doctor

systemd says what the unit and its drop-ins give, and makes it. What seals the service off (such as
ProtectSystem=) does not hold for the command.

Nothing of root's own counts: neither a configuration in its home nor its ANAPLAN_AGENT_ variables.
The command reads the file that the service reads, /etc/anaplan-agent/config.toml. Files of yours
are handed over by < and >.`

// newAsServiceCommand returns the as-service command.
func newAsServiceCommand(say *console.Messenger) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "as-service [flags] COMMAND [ARGUMENT...]",
		Short: "run a command as the machine's service does: its user, configuration and PIN",
		Long:  asServiceHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return explain.Usagef(cmd.CommandPath(), "no command given, as in: as-service doctor")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return asservice.Run(name, args, say)
		},
	}
	cmd.Flags().SetInterspersed(false) // what follows COMMAND is that command's
	cmd.Flags().StringVar(&name, "unit", asservice.UnitName, "the service, by systemd's name for it")
	return cmd
}
