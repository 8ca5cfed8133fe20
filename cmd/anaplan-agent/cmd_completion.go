package main

// Shell completion. Cobra's own command for it is built in every run, which takes a fortieth of a
// start.

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

const completionHelp = `Print a script by which a shell completes what you type: commands, flags, profiles, keys of
the devices that are here (without a PIN), clients, and paths of the API.

  bash        source <(anaplan-agent completion bash)
  zsh         source <(anaplan-agent completion zsh)
  fish        anaplan-agent completion fish | source
  powershell  anaplan-agent completion powershell | Out-String | Invoke-Expression

Put the line into the file that your shell reads when it starts (~/.bashrc, ~/.zshrc,
~/.config/fish/config.fish, $PROFILE). bash needs the package bash-completion, and zsh the line
'autoload -U compinit; compinit' before it. The packages of anaplan-agent bring the scripts.

Names of models and of what is in them come from Anaplan where an agent runs that has a token.
A device or an agent that takes longer than two seconds is left out; for more:
ANAPLAN_AGENT_COMPLETION_TIMEOUT=10s.`

// shells are those that cobra writes scripts for.
var shells = []string{"bash", "zsh", "fish", "powershell"}

// newCompletionCommand returns the completion command. Cobra leaves out its own
// where there is one of this name.
func newCompletionCommand(*console.Messenger) *cobra.Command {
	return &cobra.Command{
		Use:       "completion " + strings.Join(shells, "|"),
		Short:     "print a shell's completion script",
		Long:      completionHelp,
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells, args[0]) {
				return explain.Usagef(cmd.CommandPath(), "one shell is needed: %s", strings.Join(shells, ", "))
			}
			return printCompletion(cmd.Root(), args[0])
		},
	}
}

// printCompletion prints the script for a shell.
func printCompletion(root *cobra.Command, shell string) error {
	var script strings.Builder
	var err error
	switch shell {
	case "bash":
		err = root.GenBashCompletionV2(&script, true)
	case "zsh":
		err = root.GenZshCompletion(&script)
	case "fish":
		err = root.GenFishCompletion(&script, true)
	case "powershell":
		err = root.GenPowerShellCompletionWithDesc(&script)
	}
	if err != nil {
		return err
	}
	if err := console.CheckStdout(); err != nil {
		return err
	}
	return console.PrintResult(script.String())
}
