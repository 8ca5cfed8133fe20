package settings

import (
	"fmt"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/hsm/modules"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Rows are what to do about wrong settings. Most of the errors name the remedy themselves.
func Rows() explain.Table {
	return explain.Table{
		{As: explain.Type[*noAddressError], Exit: explain.Usage, Code: agent.CodeSettings, Final: true, With: explain.With(
			func(err *noAddressError, row *explain.Row) {
				row.Hints = explain.Hints(
					"name one of them: --profile "+shell.Word(err.profiles[0]),
					"one that is called [profile."+config.DefaultProfile+"] is used without saying so",
				)
			},
		)},
		{Is: ErrNoAddress, Exit: explain.Usage, Code: agent.CodeSettings, Final: true, Hints: explain.Hints(
			build.Program+" enroll, on a terminal, finds the devices, makes a key and says what comes next",
			"a key that is there is named by --key 'pkcs11:token=LABEL;object=LABEL?module-name=NAME', by key in a profile, or by ANAPLAN_AGENT_KEY",
			build.Program+" keys --key piv: lists the cards that are connected",
		), With: NamesModules},
		{As: explain.Type[*policy.RuleError], Exit: explain.Usage, Code: agent.CodeSettings, Final: true, Hints: explain.Hints(
			build.Program + " policy --help shows the rules",
		)},
		{Is: anaplan.ErrRegion, Exit: explain.Usage, Code: agent.CodeSettings, Final: true},
		{Is: anaplan.ErrURL, Exit: explain.Usage, Code: agent.CodeSettings, Final: true},
		{As: explain.Type[*uri.SyntaxError], Exit: explain.Usage, Code: agent.CodeSettings, Final: true},
		{Is: ErrSettings, Exit: explain.Usage, Code: agent.CodeSettings, Final: true},
		{Is: owned.ErrExposed, Says: "is not used, because other users can change it", More: "a configuration, module or program that another user owns or may write to, or a directory on the way to it; the command behind it puts that right ([security.md](security.md#files-that-others-can-change))", Exit: explain.Human, Code: agent.CodeSettings}, // it has the remedy; once that is done nobody has to say so
		{Is: errCAFile, Exit: explain.Usage, Code: agent.CodeSettings, Final: true, Hints: explain.Hints("--ca-file names a PEM file with the CA's certificate")},
	}
}

// NamesModules adds the modules of this machine.
func NamesModules(_ error, row *explain.Row) {
	row.Hints = append(row.Hints, explain.Hints(moduleHints()...)...)
}

// moduleHints names the modules of this machine: those that p11-kit knows or that lie in a
// usual directory. Looking for them reads directories, so it is done when an error needs it
// and not before.
func moduleHints() []string {
	hints := []string{"name the device's PKCS#11 library in the address: --key 'pkcs11:token=LABEL;object=LABEL?module-path=" + remedy.Here().Library() + "'"}
	var found []string
	for _, module := range modules.Known() {
		found = append(found, module.Name)
	}
	if len(found) > 0 {
		hints = append(hints, fmt.Sprintf("%s keys --key 'pkcs11:?module-name=NAME' lists what a module has; on this machine NAME is one of %s", build.Program, strings.Join(found, ", ")))
	}
	return hints
}
