package main

// The CA with which the agent answers in the name of Anaplan's hosts.

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/authority"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/help"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const caHelp = `Print the certificate of the agent's own CA, as PEM. Programs that have Anaplan's addresses
built in use the agent as their HTTPS proxy; it answers in the name of Anaplan's hosts, with
certificates of this CA, and they must trust it:

  anaplan-agent ca >agent-ca.pem
  curl -x http://nightly:SECRET@127.0.0.1:8470 --cacert agent-ca.pem \
      https://api.anaplan.com/2/0/models

The CA is constrained by name to Anaplan's hosts: its key is worth nothing for others. It lasts
a year. Sixty days before its end ca prints its successor, too, so fetch it again once a month.

If no agent runs, ca prints, or makes, the CA of an agent of this user.`

const caRenewHelp = `Make another CA, at once, and print it. Do that if its key may have been stolen: what the old
one signs is not used any more, and programs must be given the new one and be started again.
An agent renews its CA by itself before the end; nothing needs to be done for that.

Only root and the agent's user may renew the CA of a running agent.`

// newCACommand returns the ca command.
func newCACommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "ca", Short: "print the CA that clients of the agent's proxy trust", Example: "anaplan-agent ca > agent-ca.pem", Long: caHelp, Args: cobra.ArbitraryArgs}
	s := settings.Add(cmd, settings.SocketFlags)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return help.UnknownCommand(cmd, args[0])
		}
		return printCA(s, say, false)
	}
	cmd.AddCommand(newCARenewCommand(say))
	return cmd
}

func newCARenewCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "renew", Short: "make another CA in its place", Example: "anaplan-agent ca renew > agent-ca.pem", Long: caRenewHelp, Args: settings.NoArguments}
	s := settings.Add(cmd, settings.SocketFlags)
	cmd.RunE = func(*cobra.Command, []string) error { return printCA(s, say, true) }
	return cmd
}

// printCA prints the CA of the running agent, or of the file where none runs.
func printCA(s *settings.Settings, say *console.Messenger, renew bool) error {
	if err := console.CheckStdout(); err != nil {
		return err
	}
	session, err := agentclient.Connect(s, say)
	if err != nil {
		return err
	}
	ask := func() ([]byte, error) { return caOfFile(renew) }
	if session != nil {
		defer session.Close()
		ask = func() ([]byte, error) { return session.CA(renew) }
	}
	bundle, err := ask()
	if err != nil {
		return err
	}
	if renew {
		say.Note("the CA is another one: give it to the programs that use the agent's proxy, and start them again")
	}
	return console.PrintResult(string(bundle))
}

// caOfFile is for an agent that does not run.
func caOfFile(renew bool) ([]byte, error) {
	ca := authority.New(paths.State(), anaplan.HostNames())
	if renew {
		if err := ca.Renew(); err != nil {
			return nil, fmt.Errorf("renewing the agent's CA: %w", err)
		}
	}
	return ca.Bundle()
}
