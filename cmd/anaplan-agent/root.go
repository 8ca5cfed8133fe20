package main

// Commands are made by constructors and hold their flags in local variables, so that a test can
// make them twice.

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/completion"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/daemon"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/help"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
)

const rootHelp = `Log in to Anaplan with a certificate whose private key never leaves its hardware: a
YubiKey, a PKCS#11 HSM, a TPM, a USB token, or SoftHSM.

A first login, step by step:
  anaplan-agent enroll                                           on a terminal: all of it, guided
  anaplan-agent keys    --key piv:                               what is on the YubiKey
  anaplan-agent keys    --key 'pkcs11:?module-name=softhsm2'     what is on the token
  anaplan-agent enroll  --key ADDRESS --email me@example.com     a key and a CSR
  anaplan-agent enroll  --key ADDRESS --certificate signed.pem   the CA's answer
  anaplan-agent cert    --key ADDRESS                            what to upload to Anaplan
  anaplan-agent token   --key ADDRESS --region us1               log in
  anaplan-agent import  login.p12 --key ADDRESS                  put a key from a file into it
  anaplan-agent rotate                                           a new key, without an outage
  anaplan-agent doctor                                           what is wrong with a set-up

One token for many scripts, kept alive without a login for each:
  anaplan-agent serve                                            the agent
  anaplan-agent exec -- ./nightly.sh                             with its token
  anaplan-agent status                                           what it does

Calls that the agent makes, so that scripts never hold Anaplan's token:
  anaplan-agent run process "Nightly load" --model Plan          start, wait, fetch what failed
  anaplan-agent list files --model Plan                          what there is, with ids
  anaplan-agent api GET /2/0/models                              any call
  anaplan-agent exec --phantom -- ./nightly.py                   your own script
  anaplan-agent ca                                               programs with Anaplan's addresses

Every setting is a flag, an environment variable (--auth-url is
ANAPLAN_AGENT_AUTH_URL) and a key in a profile of the configuration file
(auth_url). The first of these that is set counts.`

// newRootCommand returns the program for the command line args. Errors and usage
// are silent in cobra and worded by explain, so that all of them look alike.
func newRootCommand(say *console.Messenger, args []string) *cobra.Command {
	root := &cobra.Command{
		Use:           build.Program,
		Short:         "log in to Anaplan with a key that stays in hardware",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs, // so that an unknown command reaches RunE and its own words
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return help.UnknownCommand(cmd, args[0])
			}
			if asked, _ := cmd.Flags().GetBool("version"); asked {
				return printVersion()
			}
			return cmd.Help()
		},
	}
	root.Flags().Bool("version", false, "print the version")
	// Cobra's own errors for wrong flags are plain; this makes them exit with 2.
	root.SetFlagErrorFunc(help.WrongFlag)
	root.SetHelpFunc(help.Show)
	for _, newCommand := range commandsFor(args) {
		root.AddCommand(newCommand(say))
	}
	if completion.Requested(args) {
		completion.Register(root)
	}
	return root
}

// commands are the program's, by name.
var commands = map[string]func(*console.Messenger) *cobra.Command{
	"serve":      newServeCommand,
	"status":     newStatusCommand,
	"login":      newLoginCommand,
	"lock":       newLockCommand,
	"unlock":     newUnlockCommand,
	"reload":     newReloadCommand,
	"stop":       newStopCommand,
	"exec":       newExecCommand,
	"api":        newAPICommand,
	"run":        newRunCommand,
	"list":       newListCommand,
	"policy":     newPolicyCommand,
	"client":     newClientCommand,
	"audit":      newAuditCommand,
	"service":    newServiceCommand,
	"as-service": newAsServiceCommand,
	"keys":       newKeysCommand,
	"enroll":     newEnrollCommand,
	"cert":       newCertCommand,
	"doctor":     newDoctorCommand,
	"rotate":     newRotateCommand,
	"import":     newImportCommand,
	"sign":       newSignCommand,
	"token":      newTokenCommand,
	"whoami":     newWhoamiCommand,
	"logout":     newLogoutCommand,
	"ca":         newCACommand,
	"completion": newCompletionCommand,
	"version":    newVersionCommand,

	login.SignerCommand: newSignerCommand,
	daemon.GuardCommand: newTokenFilesCommand,
}

// commandsFor returns the one command that a command line calls, since each takes
// time to make, with its flags and their texts, and scripts call the program often;
// all of them where none is called: for help, completion, and words about a typo.
func commandsFor(args []string) []func(*console.Messenger) *cobra.Command {
	if len(args) > 0 && commands[args[0]] != nil {
		return []func(*console.Messenger) *cobra.Command{commands[args[0]]}
	}
	return slices.Collect(maps.Values(commands)) // cobra sorts them
}
