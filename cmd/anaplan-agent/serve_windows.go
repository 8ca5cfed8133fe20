package main

import (
	"os"

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
			return false, leaveWindow(cmd, say)
		}
		return false, nil
	}
}

// leaveWindow leaves the window, and has the log file of the flag for what would be said in it: else
// nobody would find out why the agent does not start.
func leaveWindow(cmd *cobra.Command, say *console.Messenger) error {
	if err := console.LeaveWindow(); err != nil {
		return err
	}
	say.Out = os.Stderr
	path := cmd.Flag("log-file").Value.String()
	if path == "" {
		return nil
	}
	file, err := daemon.OpenLogFile(path)
	if err == nil {
		say.Out = file // until the process ends
	}
	return err
}
