package main

import (
	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/daemon"
)

// newTokenFilesCommand returns the hidden command, which is told of files on standard input.
func newTokenFilesCommand(*console.Messenger) *cobra.Command {
	return &cobra.Command{
		Use:    daemon.GuardCommand,
		Short:  "remove token files when the agent, which starts this by itself, is killed",
		Hidden: true,
		Args:   cobra.MaximumNArgs(1),
		RunE:   func(_ *cobra.Command, args []string) error { return daemon.Guard(len(args) == 0) },
	}
}
