package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/tasks"
)

const runHelp = `Run a process, import, export or action, or transfer a file, and wait for the result. Exits
0 only if Anaplan reports success for all of it:

  anaplan-agent run process "Nightly load" --model Plan
  anaplan-agent run process "Nightly load" --model Plan --upload Sales.csv=sales.csv --dumps failed/
  anaplan-agent run import  "Sales from Sales.csv" --model Plan --input sales.csv
  anaplan-agent run export  Report.csv --model Plan --output report.csv
  anaplan-agent run action  "Delete old sales" --model Plan
  anaplan-agent run file    Sales.csv --model Plan --input sales.csv      upload
  anaplan-agent run file    Report.csv --model Plan --output report.csv   download
  anaplan-agent run files   --model Plan --upload Sales.csv=sales.csv --upload Prices.csv=prices.csv
  anaplan-agent run view    "Sales.By product" --model Plan --output sales.csv
  anaplan-agent run list    Products --model Plan --output products.json
  anaplan-agent run list    Products --model Plan --items upsert --input new.csv --column SKU=code

Anaplan counts an import with rejected rows as a success; --fail-on-rejected does not.
--dumps fetches the rejected rows.

On a terminal run ends with a line in words: "Nightly load: done in 1m12s; Sales 2 of 3 rows,
1 rejected (failed/Sales.csv)". With --json, and into a pipe or a file, standard output is
Anaplan's JSON of the task, and the words are on standard error. With --output - it is the
content of the file or of the export instead; without a task there is no JSON.

Files are uploaded in chunks that are packed with gzip, several at a time.

Name objects, models and workspaces by name or id; names are case-sensitive. After a lost
connection run retries what can be repeated: it sends chunks again and continues downloads,
but starts nothing twice. Interrupting run leaves the task running in Anaplan; --task waits
for it again.

Calls go through the agent if one runs, within its policy; otherwise through a login of
this command's own, within the profile's policy.
` + agentclient.AloneHelp

// newRunCommand returns the run command.
func newRunCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run process|import|export|action|file|list|view|files [NAME]",
		Short: "run a process, import, export or action, or transfer a file, and wait for it",
		Long:  runHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 {
				return explain.Usagef(cmd.CommandPath(), `a kind and a name are needed, as: run process "Nightly load" --model Plan`)
			}
			return nil
		},
	}
	s := settings.Add(cmd, settings.SignFlags, settings.ServerFlags, settings.SocketFlags)
	order := &tasks.Order{}
	repeated := order.AddFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		kind, err := order.Check(args, repeated)
		if err != nil {
			return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
		}
		for _, flag := range []string{"workspace", "input", "output", "dumps", "task", "items", "table"} {
			if err := settings.NotEmpty(cmd, flag); err != nil {
				return err
			}
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
		return api.InWords((&tasks.Task{API: api, Order: order, Kind: kind, Say: say, Bar: bar}).Run(strings.Join(args[1:], "")))
	}
	agentclient.HideLoginFlags(cmd)
	return cmd
}
