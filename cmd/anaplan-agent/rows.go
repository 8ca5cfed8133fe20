package main

import (
	"context"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
)

// explanations are what the program knows of errors. The result that went nowhere stands before
// all, since nothing else is left to do then; a refused PIN before the token that refused it.
func explanations() explain.Table {
	return slices.Concat(
		explain.Table{
			{Is: errStdout, Exit: explain.Failed, Hints: explain.Hints("connect standard output to a file, or to a program that reads to the end")},
			{Is: context.Canceled, Exit: explain.Failed},
			{As: explain.Type[*noProgramError], With: explain.With(func(err *noProgramError, row *explain.Row) { row.Exit = err.code })},
			{As: explain.Type[*notAllowedError], Exit: explain.Failed, With: explain.With(
				func(err *notAllowedError, row *explain.Row) { row.Hints = explain.Hints(err.hints...) },
			)},
		},
		pin.Rows(),
		settingsRows(),
		clientRows(),
		deviceRows(),
		enrollRows(),
		loginRows(),
		tasksRows(),
		explain.Table{
			{Is: console.ErrNoTerminal, Exit: explain.Human, Code: agent.CodePINNeeded, Attend: true, Hints: explain.Hints("run it on a terminal")},
		},
	)
}
