package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/help"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/policycheck"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const policyHelp = `See what policies allow. A policy is a list of rules, in a profile or a client of the
agent's configuration. A call that no rule allows is refused. Rules are

  list                                             see what there is
  run process "Nightly load" in model "Plan"       start it, see how it goes; also import, action
  run export "Report.csv" in model "Plan"          the same, and fetch the result
  upload file "Sales.csv" in model "Plan"
  download file "Report.csv" in model "Plan"
  read list "Products" in model "Plan"             its items
  write list "Products" in model "Plan"            add, change and delete its items
  read view "Sales.By product" in model "Plan"     its cells
  GET /2/0/workspaces/*/models                     any method and path; * is one segment,
  GET,POST /2/0/models/08B4AFAF/**                 and ** at the end any number

Write names in quotation marks, ids without; in workspace "Finance" can follow.`

const policyCheckHelp = `Say whether the policy of the profile, and that of a client, allow a call, and by which
rule; or which rule is missing. It makes no call. Where a rule has a name, it asks the
agent, if one runs, for the names of the ids in the path.

  M=/2/0/models/6D203BA7549241C7BEE26C93DE987F12
  anaplan-agent policy check --client nightly POST $M/processes/118000000001/tasks
  anaplan-agent policy check --client nightly 'run process "Nightly load" in model "Plan"'

The second form is about everything that the rule would allow. Exits 0 if that is allowed,
1 if it is not, and 3 if only Anaplan could tell and cannot be asked.`

// newPolicyCommand returns the policy command.
func newPolicyCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "policy",
		Short:   "see what the agent's policies allow",
		Example: "anaplan-agent policy check GET /2/0/models",
		Long:    policyHelp,
		Args:    cobra.ArbitraryArgs, // so that a wrong word reaches RunE and its own words
		RunE:    help.OnlyCommands,
	}
	cmd.AddCommand(newPolicyCheckCommand(say))
	return cmd
}

// newPolicyCheckCommand returns the check command of policy.
func newPolicyCheckCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check METHOD PATH | RULE",
		Short: "say whether a call is allowed, and by which rule",
		Long:  policyCheckHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 && (len(args) != 1 || strings.HasPrefix(args[0], "/")) {
				return explain.Usagef(cmd.CommandPath(), "give a method and a path, as: policy check GET /2/0/models; or a rule, in one pair of quotation marks")
			}
			return nil
		},
	}
	s := settings.Add(cmd, settings.SocketFlags)
	client := cmd.Flags().String("client", "", "check the policy of client NAME too (default: ANAPLAN_AGENT_CLIENT)")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		check, err := policycheck.New(s, say, agentclient.ClientOf(cmd, *client))
		if err != nil {
			return err
		}
		defer check.Close()
		check.JSON = *asJSON
		check.NoteAge()
		if len(args) == 1 {
			return check.Told(check.Rule(cmd.Context(), args[0]))
		}
		return check.Told(check.Call(cmd.Context(), strings.ToUpper(args[0]), args[1]))
	}
	return cmd
}
