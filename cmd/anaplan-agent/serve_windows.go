package main

import (
	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/daemon"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// addHosts adds the flags by which 'service install' has the agent started. What it returns serves,
// if it is a service.
func addHosts(cmd *cobra.Command, s *settings.Settings, say *console.Messenger) func() (served bool, err error) {
	service := cmd.Flags().Bool("service", false, "for the service control manager: 'service install' registers this")
	noWindow := cmd.Flags().Bool("no-window", false, "for the Task Scheduler: leave the window that comes with the program")
	return func() (bool, error) {
		if *service {
			return true, daemon.ServeService(s, say)
		}
		if *noWindow {
			return false, console.LeaveWindow()
		}
		return false, nil
	}
}
