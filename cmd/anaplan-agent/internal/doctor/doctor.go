package doctor

// The examination of a set-up, from the configuration file to a login and back out. Each
// check is in a file of its topic; here is in which order they come, and what depends on
// what.

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// Options are what doctor's own flags say.
type Options struct {
	Offline     bool
	Login       bool
	LoginChosen bool // --login or --login=false was given
	AsJSON      bool
	All         bool // show what is as it should be, too
	Bundle      string
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
	r := &Report{Errors: say.Errors}
	r.hideProxyPasswords()
	bar := console.NewProgressBar()
	r.Show = func(f finding.Finding) { bar.Show("%s", groupOf(f)) }
	found, status := examine(ctx, r, s, options, say, bar)
	if bundle != nil {
		if err := writeBundle(bundle, bundleFiles(r, s.ConfigPath(), found, status), r.secrets); err != nil {
			return err
		}
		say.Note("wrote %s; it names users, hosts and paths: look through it before you send it (tar -xzOf %s)", options.Bundle, shell.Quote(options.Bundle))
	}
	err = r.conclude(options)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// ofThisMachine is the first check of examine that is about a key of this machine.
const ofThisMachine = 3

// examine does the checks, those first that cost least. What one finds out and others need is handed
// on here: what the settings say, and how the agent does that runs (nil: none).
func examine(ctx context.Context, r *Report, s *settings.Settings, options Options, say *console.Messenger, bar *console.ProgressBar) (found setUp, status *local.Status) {
	var pins *pinSources
	var devices deviceReports
	var way networkState
	isEdge := func() bool { return found.profile != nil && found.profile.Members() != nil }
	for i, check := range []func(){
		func() { found = (&configuration{Report: r, settings: s}).check() },
		func() { status = checkAgent(ctx, r, found, s.ProfileName()) },
		func() {
			checkMembers(ctx, r, found, options.Offline)
			checkFleetMembers(ctx, r, found.agent, found.fleet, options.Offline)
		},
		func() { pins = checkPIN(ctx, r, found.profile) },
		func() { devices = checkDevices(ctx, r, found.profile) },
		func() { pins.checkRefusals(devices.names(), s.PINChanged) },
		func() { checkCertificates(r, found.profile, devices) },
		func() { way = checkNetwork(ctx, r, found, options.Offline) },
		func() {
			r.Show = nil // a person may be asked for a PIN on the same screen
			bar.End()
			t := &trial{Report: r, ctx: ctx, settings: s, options: options, say: say, setUp: found, key: devices.ready(), pin: pins.state, network: way}
			devices.tellUnproven(r, t.check())
		},
	} {
		if ctx.Err() != nil || i >= ofThisMachine && isEdge() {
			break
		}
		check()
	}
	bar.End()
	return found, status
}
