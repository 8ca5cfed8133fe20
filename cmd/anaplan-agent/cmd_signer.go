package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/signer"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// newSignerCommand returns the hidden command, which waits for its order on standard input.
func newSignerCommand(say *console.Messenger) *cobra.Command {
	return &cobra.Command{
		Use:    login.SignerCommand,
		Short:  "sign one login for the agent, which starts this by itself",
		Hidden: true,
		Args:   settings.NoArguments,
		RunE: func(*cobra.Command, []string) error {
			device.WatchModulesOfSigner()
			var closings device.Closings
			err := signer.Serve(func(ctx context.Context, order signer.Order, notify agent.NotifyFunc) (*agent.Login, error) {
				signed, err := login.SignOrder(ctx, &closings, order, notify)
				if err != nil {
					return nil, say.Errors().ProblemForAgent(err)
				}
				return signed, nil
			})
			return cmp.Or(err, closings.End()) // the agent has its login by now
		},
	}
}
