package main

import (
	"context"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/asservice"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/policycheck"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/tasks"
)

// explanations is what the program knows of errors. A result that could not be written comes first,
// since nothing else is left to do then; a refused PIN comes before the token that refused it.
func explanations() explain.Table { return explanationsOn(remedy.Here()) }

// explanationsOn is explanations with the hints for a system.
func explanationsOn(system remedy.System) explain.Table {
	return slices.Concat(
		explain.Table{
			{Is: console.ErrStdout, Exit: explain.Failed, Hints: explain.Hints("connect standard output to a file, or to a program that reads to the end")},
			{Is: context.Canceled, Exit: explain.Failed},
			{As: explain.Type[*subprocess.NoProgramError], With: explain.With(func(err *subprocess.NoProgramError, row *explain.Row) { row.Exit = err.Code })},
			{As: explain.Type[*policycheck.NotAllowedError], Exit: explain.Failed, With: explain.With(
				func(err *policycheck.NotAllowedError, row *explain.Row) { row.Hints = explain.Hints(err.Hints...) },
			)},
		},
		pin.Rows(system),
		settings.Rows(),
		agentclient.Rows(system),
		device.Rows(system),
		enroll.Rows(),
		login.Rows(system),
		tasks.Rows(),
		asservice.Rows(system),
		explain.Table{
			{Is: console.ErrNoTerminal, Exit: explain.Human, Code: agent.CodePINNeeded, Attend: true, Hints: explain.Hints("run it on a terminal")},
		},
	)
}
