package main

import (
	"context"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/doctor"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
	"github.com/spf13/cobra"
)

const doctorHelp = `Look at everything that a login depends on, and report each finding with its remedy:
configuration, agent, PIN source, module or card, certificate, network, and a login to
Anaplan and out again.

  anaplan-agent doctor                       what is wrong?
  anaplan-agent doctor --profile prod --login
  anaplan-agent doctor --bundle report.tar.gz    for support, without secrets

It spends nothing that cannot be restored: it never sends a refused PIN again, never uses
the last try, and tries no PIN to see whether it is right. By default it logs in only if
nobody has to type or touch anything; --login asks you at the terminal, --login=false
skips the login.

Exits 1 if there are errors, and 0 if there are only warnings or none.`

// newDoctorCommand returns the doctor command, with the hidden one that looks at a device.
func newDoctorCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "find out what is wrong and what to do about it",
		Long:  doctorHelp,
		Args:  settings.NoArguments,
	}
	s := settings.Add(cmd, settings.SignFlags, settings.ServerFlags, settings.SocketFlags)
	var options doctor.Options
	flags := cmd.Flags()
	flags.BoolVar(&options.Offline, "offline", false, "skip everything that needs the network")
	flags.BoolVar(&options.Login, "login", false, "log in, asking for a PIN or a touch if needed (default: only if neither is needed)")
	flags.BoolVar(&options.All, "all", false, "on a terminal, show what is as it should be, too (elsewhere it always does)")
	flags.BoolVar(&options.AsJSON, "json", false, "print JSON")
	flags.StringVar(&options.Bundle, "bundle", "", "write a report for support, without secrets, to this new file (.tar.gz)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		options.LoginChosen = cmd.Flags().Changed("login")
		if err := settings.NotEmpty(cmd, "bundle"); err != nil {
			return err
		}
		return doctor.Run(cmd.Context(), s, options, say)
	}
	cmd.AddCommand(newProbeCommand(say))
	return cmd
}

func newProbeCommand(say *console.Messenger) *cobra.Command {
	return &cobra.Command{
		Use:    doctor.ProbeName,
		Short:  "look at one device for doctor, which starts this by itself",
		Hidden: true,
		Args:   settings.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			device.WatchModulesOfSigner()
			return subprocess.ServeChild(func(order doctor.ProbeOrder, tell func(any) error) error {
				address, err := config.ParseAddress(order.Key)
				if err != nil {
					return fmt.Errorf("%w: key: %w", settings.ErrSettings, err)
				}
				ctx, cancel := context.WithTimeoutCause(cmd.Context(), order.Limit, console.TimeoutError{Limit: order.Limit})
				defer cancel()
				p := &doctor.Probe{Report: &doctor.Report{Errors: say.Errors}, Ctx: ctx, Order: order, Say: tell}
				p.Show = func(f finding.Finding) { p.Say(doctor.ProbeLine{Finding: &f}) }
				return p.Look(address)
			})
		},
	}
}
