package doctor

// The examination of a set-up, from the configuration file to a login and back out. Each
// check is in a file of its topic; here is in which order they come, and what depends on
// what.

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

// Options are what doctor's own flags say.
type Options struct {
	Offline     bool
	Login       bool
	LoginChosen bool // --login or --login=false was given
	AsJSON      bool
	Bundle      string
}

// examination is one run of doctor. What a check finds out and others need is kept here.
type examination struct {
	*Report
	ctx      context.Context
	settings *settings.Settings
	options  Options
	say      *console.Messenger

	setUp
	status  *local.Status // what the agent that runs says of itself; nil: nothing
	devices deviceReports
	network networkState

	pin *pinSources // nil: the configuration cannot be read
}

// Run does all checks and says what came of them.
func Run(ctx context.Context, s *settings.Settings, options Options, say *console.Messenger) error {
	if err := console.CheckStdout(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	bundle, err := createBundle(ctx, options.Bundle) // before the work, which would be lost without
	if err != nil {
		return err
	}
	x := &examination{Report: &Report{Errors: say.Errors, secrets: secretsInEnvironment()}, ctx: ctx, settings: s, options: options, say: say}
	if !options.AsJSON {
		x.Show = showFinding()
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
		func() { x.setUp = (&configuration{Report: x.Report, settings: x.settings}).check() },
		x.checkAgent, x.checkPIN, x.checkDevices, x.checkRefusals, x.checkCertificates, x.checkNetwork, x.checkLogin,
	} {
		if x.ctx.Err() != nil {
			return
		}
		check()
	}
}

// checkAgent looks at the agent and its files. Without a configuration it looks where an
// agent usually is.
func (x *examination) checkAgent() {
	own := x.agent
	if own == nil {
		own = &config.Agent{}
	}
	if own.Socket == "none" {
		x.skip("agent.running", `socket is "none", so there is no agent to ask`)
	} else {
		x.status = (&runningAgent{x.Report, x.ctx, x.settings.ProfileName(), own.ShareSocket}).find(own.Socket)
	}
	checkUnits(x.ctx, x.Report)
	checkState(x.Report)
	checkMemory(x.Report)
	if own.AuditFile != "" {
		checkAuditFile(x.Report, own.AuditFile)
	}
	if x.profile != nil && x.profile.TokenFile != "" {
		checkTokenFile(x.Report, x.profile)
	}
}

// checkPIN looks at where the PINs come from.
func (x *examination) checkPIN() {
	if x.profile == nil {
		x.skip("pin.source", "the settings cannot be read")
		return
	}
	x.pin = &pinSources{Report: x.Report, ctx: x.ctx, profile: x.profile, read: map[config.PINSource][]byte{}}
	x.pin.check()
}

// checkRefusals looks whether the PINs were refused by the devices that are there.
func (x *examination) checkRefusals() {
	if x.pin == nil {
		return
	}
	x.pin.checkRefusals(x.devices.names(), x.settings.PINChanged)
}

// checkDevices looks at the devices of the profile's keys.
func (x *examination) checkDevices() {
	switch {
	case x.profile == nil:
		x.skip("device.key", "the settings are wrong")
	case len(x.profile.Keys) == 0:
		x.skip("device.key", "no key configured to look for")
	default:
		x.devices = checkDevices(x.ctx, x.Report, x.profile)
	}
}

// checkCertificates looks at the certificates of the profile's keys.
func (x *examination) checkCertificates() {
	if x.profile != nil {
		checkCertificates(x.Report, x.profile, x.devices)
	}
}

// checkNetwork looks at the way to Anaplan.
func (x *examination) checkNetwork() {
	switch {
	case x.options.Offline:
		x.skip("network.reach", "--offline")
	case x.hosts.Auth == "":
		x.skip("network.reach", "the settings do not say which Anaplan is meant")
	default:
		n := &network{Report: x.Report, ctx: x.ctx, profile: x.profile, hosts: x.hosts}
		n.check()
		x.network = n.state
	}
}

// conclude prints the summary, or all of it as JSON.
func (x *examination) conclude() error {
	var err error
	if x.options.AsJSON {
		err = console.PrintJSON(x.findings)
	} else {
		err = x.failure()
		if err == nil {
			err = console.PrintResult("\n" + x.summary() + "\n")
		}
	}
	if err == nil && finding.Worst(x.findings) == finding.Error {
		return &subprocess.ExitError{Code: explain.Failed} // it has been said what is wrong
	}
	return err
}
