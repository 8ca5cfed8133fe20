package main

// A login, from the signature to the token on standard output. The half that has the
// key and the half that has the network meet here, and --payload lets them be two
// machines.

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const tokenHelp = `Print a token of Anaplan's, which lives 35 minutes: the agent's if one runs (see serve),
else that of a login of this command's own.

Other users of the machine can read every command line, so pass the token on without
putting it on one:

  value       anaplan-agent token > file               (umask 077 first)
  header      anaplan-agent token --output header | curl --header @- URL
  curl        anaplan-agent token --output curl | curl --config - URL
  env         eval "$(anaplan-agent token --output env)"      sets ANAPLAN_TOKEN
  powershell  anaplan-agent token --output powershell | Invoke-Expression
                                                              sets it, too
  json        Anaplan's tokenInfo: tokenId, tokenValue, expiresAt, refreshTokenId

With --payload no key is needed: token exchanges what 'sign' printed, here or on another
machine, for the token.`

// newTokenCommand returns the token command. Without an agent it makes a login each time and keeps
// nothing: to use one token for many calls (contract section 2.2), the caller keeps it for its 35
// minutes.
func newTokenCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "log in and print the token",
		Long:  tokenHelp,
		Args:  settings.NoArguments,
	}
	s := settings.Add(cmd, settings.SignFlags, settings.ServerFlags, settings.SocketFlags)
	output := cmd.Flags().StringP("output", "o", "value", "how to print it: "+strings.Join(login.TokenFormats, ", "))
	payload := cmd.Flags().String("payload", "", "exchange this signed payload (a file, or - for standard input) instead of signing one; needs --certificate")
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(login.TokenFormats, cobra.ShellCompDirectiveNoFileComp))
	alone := device.RunE(s, say, func(run *device.Run) error { return login.PrintToken(run, *output, *payload) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		// Before the login: a token that cannot be printed would be lost.
		if !slices.Contains(login.TokenFormats, *output) {
			return explain.Usagef(cmd.CommandPath(), "--output %q: must be one of %s", *output, strings.Join(login.TokenFormats, ", "))
		}
		if err := settings.NotEmpty(cmd, "payload"); err != nil {
			return err
		}
		if err := agentclient.RefuseClient(); err != nil {
			return err
		}
		if *payload != "" {
			return alone(cmd, args)
		}
		session, err := agentclient.ConnectOrTell(s, say)
		if err != nil {
			return err
		}
		if session == nil {
			return alone(cmd, args)
		}
		defer session.Close()
		return session.PrintToken(*output)
	}
	return cmd
}
