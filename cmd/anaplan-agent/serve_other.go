//go:build !windows

package main

import (
	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// addHosts adds no flags: elsewhere than on Windows a service is a program like any other.
func addHosts(*cobra.Command, *settings.Settings, *console.Messenger) func() (served bool, err error) {
	return func() (bool, error) { return false, nil }
}
