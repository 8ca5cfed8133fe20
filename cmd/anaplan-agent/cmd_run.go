package main

import (
	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/tasks"
)

const runHelp = `run runs something of a model and waits until it has ended. It exits with 0 only if
Anaplan says that all of it was successful:

  anaplan-agent run process "Nightly load" --model Plan
  anaplan-agent run process "Nightly load" --model Plan --upload Sales.csv=sales.csv --dumps failed/
  anaplan-agent run import  "Sales from Sales.csv" --model Plan --input sales.csv
  anaplan-agent run export  Report.csv --model Plan --output report.csv
  anaplan-agent run action  "Delete old sales" --model Plan
  anaplan-agent run file    Sales.csv --model Plan --input sales.csv      upload
  anaplan-agent run file    Report.csv --model Plan --output report.csv   download

An import that leaves rows out is a success for Anaplan: with --fail-on-rejected it is none
here, and --dumps fetches the rows.

Standard output is Anaplan's JSON of the task, unless --output - puts the content of the file
or the result of the export there; of a file that is moved it is nothing else.

Things, models and workspaces are given by name or id; in names capital letters count. What can
be done again is, when a connection is lost: chunks are sent again, downloads go on where they
broke off, and nothing is started twice. If the command itself is ended the task goes on at
Anaplan; --task waits for it again.

Calls go through the agent if one runs, within its policy; otherwise through a login of this
command's own, within the profile's.
` + agentclient.AloneHelp

// newRunCommand returns the run command.
func newRunCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run process|import|export|action|file NAME",
		Short: "run a process, import, export or action, or move a file, and wait for it",
		Long:  runHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return explain.Usagef(cmd.CommandPath(), `what to run? give a kind and a name, as: run process "Nightly load" --model Plan`)
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return tasks.RunWords, cobra.ShellCompDirectiveNoFileComp
		},
	}
	s := settings.Add(cmd, settings.SignFlags, settings.ServerFlags, settings.SocketFlags)
	order := &tasks.Order{}
	uploads, mapping := order.AddFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		kind, err := order.Check(args[0], *uploads, *mapping)
		if err != nil {
			return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
		}
		if err := console.CheckStdout(); err != nil {
			return err
		}
		order.Remember(cmd, args)
		order.Client = agentclient.ClientOf(cmd, order.Client)
		api, err := agentclient.OpenAPI(s, say, order.Client)
		if err != nil {
			return err
		}
		defer api.Close()
		bar := console.NewProgressBar()
		api.Client.Notify = func(text string) { bar.Clear(); say.Note("%s", text) }
		return api.InWords((&tasks.Task{API: api, Order: order, Kind: kind, Say: say, Bar: bar}).Run(args[1]))
	}
	agentclient.HideLoginFlags(cmd)
	return cmd
}
