package main

import (
	"context"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/spf13/cobra"
)

// deviceRun is one run of a command that uses the device: its settings and its
// time limit.
type deviceRun struct {
	ctx     context.Context
	profile *config.Profile
	device  *device
	say     *messenger
	end     func()
}

// onDevice returns the body of a command that uses the device. It fails before
// that where nobody would get the result.
func onDevice(settings *settings, say *messenger, work func(*deviceRun) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := checkStdout(); err != nil {
			return err
		}
		run, err := startRun(cmd.Context(), settings, say)
		if err != nil {
			return err
		}
		defer run.end()
		return work(run)
	}
}

// startRun loads the settings and starts the clock.
func startRun(parent context.Context, settings *settings, say *messenger) (*deviceRun, error) {
	profile, err := settings.load()
	if err != nil {
		return nil, err
	}
	ctx, patience, end := withPatience(parent, profile.Timeout)
	return &deviceRun{ctx, profile, newDevice(profile, patience, settings.pinChanged, say), say, end}, nil
}

// signLogin has the key sign a login in the profile's format, and lets go of the
// device.
func (r *deviceRun) signLogin() (*agent.Login, error) {
	format := agent.Format(r.profile.Format)
	if format == agent.V1 {
		r.say.warn("a v1 payload is a password: whoever has it can log in until the certificate ends or is disabled")
	}
	key, err := r.device.open(r.ctx)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	login, err := agent.SignLogin(r.ctx, key, format, time.Now())
	r.device.pin.settle(err) // a key may ask for its PIN at the signature
	return login, err
}
