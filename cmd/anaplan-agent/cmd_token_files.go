package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent/sink"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/daemon"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// newTokenFilesCommand returns the hidden command, which is told of files on standard input.
func newTokenFilesCommand(*console.Messenger) *cobra.Command {
	return &cobra.Command{
		Use:    daemon.GuardCommand,
		Short:  "remove token files when the agent, which starts this by itself, is killed",
		Hidden: true,
		Args:   settings.NoArguments,
		RunE:   func(*cobra.Command, []string) error { return sink.Guard(os.Stdin) },
	}
}
