package main

// The examination of a set-up, from the configuration file to a login and back out. Each
// check is in a file of its topic; here is in which order they come, and what depends on
// what.

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/spf13/cobra"
)

const doctorHelp = `doctor looks at everything that a login depends on, says what it finds, and what to do
about it: configuration, agent, PIN source, module or card, certificate, network, and
a login to Anaplan and out again.

  anaplan-agent doctor                       what is wrong?
  anaplan-agent doctor --profile prod --login
  anaplan-agent doctor --bundle report.tar.gz    for support, without secrets

Nothing is spent that cannot be got back: a PIN that was refused is not sent again,
the last try never, and no PIN is tried to see whether it is right. By itself it logs
in if nobody has to type or touch anything for that; --login asks you at the terminal,
--login=false leaves it out.

The exit code is 1 if there are errors, and 0 if there are none or only warnings.`

// doctorOptions are what doctor's own flags say.
type doctorOptions struct {
	offline     bool
	login       bool
	loginChosen bool // --login or --login=false was given
	asJSON      bool
	bundle      string
}

// newDoctorCommand returns the doctor command, and in it the hidden one that looks at a
// device.
func newDoctorCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "find out what is wrong, and what to do about it",
		Long:  doctorHelp,
		Args:  noArguments,
	}
	settings := addSettings(cmd, signSettings, serverSettings, socketSettings)
	var options doctorOptions
	flags := cmd.Flags()
	flags.BoolVar(&options.offline, "offline", false, "leave out everything that needs the network")
	flags.BoolVar(&options.login, "login", false, "log in for real, and ask for a PIN or a touch if that takes one (default: if it takes none)")
	flags.BoolVar(&options.asJSON, "json", false, "print JSON")
	flags.StringVar(&options.bundle, "bundle", "", "write what support needs to this new file (.tar.gz), without secrets")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		options.loginChosen = cmd.Flags().Changed("login")
		if err := notEmpty(cmd, "bundle"); err != nil {
			return err
		}
		return examine(cmd.Context(), settings, options, say)
	}
	cmd.AddCommand(newProbeCommand(say))
	return cmd
}

// examination is one run of doctor. What a check finds out and others need is kept here.
type examination struct {
	*report
	ctx      context.Context
	settings *settings
	options  doctorOptions
	say      *messenger

	agent   *config.Agent   // nil: the configuration cannot be read
	profile *config.Profile // nil: likewise
	clients []*config.Client
	hosts   anaplan.Hosts // of the profile; zero: it names none that there are

	status  any            // what the agent that runs says of itself; nil: nothing
	devices []deviceReport // of the profile's keys, in their order
	reached bool           // the login service answers

	pins map[config.PINSource][]byte // that were read; overwritten once they have been looked up
}

// examine does all checks and says what came of them.
func examine(ctx context.Context, settings *settings, options doctorOptions, say *messenger) error {
	if err := checkStdout(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	bundle, err := createBundle(ctx, options.bundle) // before the work, which would be lost without
	if err != nil {
		return err
	}
	x := &examination{report: &report{errors: say.errors, secrets: secretsInEnvironment()}, ctx: ctx, settings: settings, options: options, say: say}
	if !options.asJSON {
		x.show = showFinding()
	}
	x.run()
	if err := bundle.write(x); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return x.conclude()
}

// run does the checks, those first that cost least.
func (x *examination) run() {
	for _, check := range []func(){
		x.checkConfig, x.checkAgent, x.checkPIN, x.checkDevices, x.checkRefusals, x.checkCertificates, x.checkNetwork, x.checkLogin,
	} {
		if x.ctx.Err() != nil {
			return
		}
		check()
	}
}

// conclude prints the summary, or all of it as JSON.
func (x *examination) conclude() error {
	var err error
	if x.options.asJSON {
		err = printJSON(x.findings)
	} else {
		err = x.failure()
		if err == nil {
			err = printResult("\n" + x.summary() + "\n")
		}
	}
	if err == nil && finding.Worst(x.findings) == finding.Error {
		return &exitError{explain.Failed} // it has been said what is wrong
	}
	return err
}
