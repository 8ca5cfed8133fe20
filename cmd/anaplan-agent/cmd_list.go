package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/listing"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const listHelp = `List what there is, as a table with names and ids:

  anaplan-agent list workspaces
  anaplan-agent list models --workspace Finance
  anaplan-agent list files --model Plan                also imports, exports, processes, actions,
                                                       lists, modules, views
  anaplan-agent list exports Report.csv --model Plan   one of them: for exports and imports its
                                                       columns, for processes what they run,
                                                       for lists their properties
  anaplan-agent list imports --model Plan --json       all that Anaplan tells of each

Calls go through the agent if one runs, within its policy (the rule: list); otherwise through
a login of this command's own, within the profile's policy.
` + agentclient.AloneHelp

// newListCommand returns the list command.
func newListCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:       "list WHAT [NAME]",
		Short:     "list workspaces, models, and what is in a model",
		Long:      listHelp,
		ValidArgs: listing.Kinds(),
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return explain.Usagef(cmd.CommandPath(), "list what? %s", strings.Join(listing.Kinds(), ", "))
			case len(args) > 2:
				return explain.Usagef(cmd.CommandPath(), "one name is enough; write one with blanks in it in quotation marks: list %s %s", args[0], shell.Quote(strings.Join(args[1:], " ")))
			}
			return nil
		},
	}
	s := settings.Add(cmd, settings.SignFlags, settings.ServerFlags, settings.SocketFlags)
	order := &listing.Order{}
	order.AddFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := order.Check(args[0]); err != nil {
			return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
		}
		if err := settings.NotEmpty(cmd, "workspace"); err != nil {
			return err
		}
		if err := console.CheckStdout(); err != nil {
			return err
		}
		order.Client = agentclient.ClientOf(cmd, order.Client)
		api, err := agentclient.OpenAPI(s, say, order.Client)
		if err != nil {
			return err
		}
		defer api.Close()
		if len(args) > 1 {
			return api.InWords(listing.ShowOne(api, order, args[0], args[1]))
		}
		return api.InWords(listing.Show(api, order, args[0], say))
	}
	agentclient.HideLoginFlags(cmd)
	return cmd
}
