package main

// What the commands that use a device have in common: settings, a time limit, and a
// check that somebody will get the result.

import (
	"context"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/foreign"
	"github.com/spf13/cobra"
)

// deviceRun is one run of a command that uses the device: its settings and its
// time limit.
type deviceRun struct {
	ctx     context.Context // ends when the time of the profile is up
	profile *config.Profile
	device  *device
	say     *messenger
	end     func() // lets go of the time limit and of programs; call it once
}

// onDevice returns the body of a command that uses the device. It fails before
// that where nobody would get the result: a PIN try, a signature and a login would
// be spent for nothing.
func onDevice(settings *settings, say *messenger, work func(*deviceRun) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := checkStdout(); err != nil {
			return err
		}
		watchModules()
		run, err := startRun(cmd.Context(), settings, say)
		if err != nil {
			return err
		}
		defer run.end()
		return work(run)
	}
}

// startRun loads the settings and starts the clock. Its errors are of the settings:
// nothing has been opened or sent yet.
func startRun(parent context.Context, settings *settings, say *messenger) (*deviceRun, error) {
	profile, err := settings.load()
	if err != nil {
		return nil, err
	}
	ctx, patience, end := withPatience(parent, profile.Timeout)
	device := newDevice(profile, patience, say)
	device.pin.Changed, device.pin.Unrecorded = settings.pinChanged, settings.unrecorded
	return &deviceRun{ctx, profile, device, say, func() {
		end()
		device.close(device.closings.end)
		device.pin.End()
		device.touch.end()
	}}, nil
}

// signLogin is makeLogin for one that goes to Anaplan from here. The device is let go of
// meanwhile: a network that is slow must not keep an HSM's session open.
func (r *deviceRun) signLogin() (*agent.Login, error) {
	defer r.device.closings.begin()
	return r.makeLogin()
}

// makeLogin has the key sign a login in the profile's format. The device is closed when the run
// ends, after the login was delivered. The time in the login is taken after the PIN of the
// token was typed, since Anaplan takes logins for some minutes only (contract section 1.3).
func (r *deviceRun) makeLogin() (*agent.Login, error) {
	// The profile holds "v1" or "v2" only; config has checked it.
	format := agent.Format(r.profile.Format)
	if format == agent.V1 {
		r.say.Warn("a v1 payload is a password: whoever has it can log in until the certificate ends or is disabled")
	}
	key, err := r.device.open(r.ctx)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	if err := foreign.Hide(); err != nil { // a key that wants no PIN has a signature all the same
		return nil, err
	}
	return agent.SignLogin(r.ctx, key, format, time.Now())
}
