package main

import (
	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// settingsRows are what to do about wrong settings. Most errors have the remedy themselves.
func settingsRows() explain.Table {
	return explain.Table{
		{As: explain.Type[*noAddressError], Exit: explain.Usage, Code: agent.CodeSettings, Final: true, With: explain.With(
			func(err *noAddressError, row *explain.Row) {
				row.Hints = explain.Hints(
					"say which of them is meant: --profile "+quoted(err.profiles[0])[0],
					"one that is called [profile."+config.DefaultProfile+"] is used without saying so",
				)
			},
		)},
		{Is: errNoAddress, Exit: explain.Usage, Code: agent.CodeSettings, Final: true, Hints: explain.Hints(
			"name it by --key 'pkcs11:token=LABEL;object=LABEL?module-name=NAME', by key in a profile, or by ANAPLAN_AGENT_KEY",
			program+" keys --key piv: lists the YubiKeys that are connected",
		), With: namesModules},
		{As: explain.Type[*policy.RuleError], Exit: explain.Usage, Code: agent.CodeSettings, Final: true, Hints: explain.Hints(
			program + " policy --help shows the rules",
		)},
		{Is: anaplan.ErrRegion, Exit: explain.Usage, Code: agent.CodeSettings, Final: true},
		{Is: anaplan.ErrURL, Exit: explain.Usage, Code: agent.CodeSettings, Final: true},
		{As: explain.Type[*uri.SyntaxError], Exit: explain.Usage, Code: agent.CodeSettings, Final: true},
		{Is: errSettings, Exit: explain.Usage, Code: agent.CodeSettings, Final: true},
		{Is: errCAFile, Exit: explain.Usage, Code: agent.CodeSettings, Final: true, Hints: explain.Hints("--ca-file names a PEM file with the CA's certificate")},
	}
}
