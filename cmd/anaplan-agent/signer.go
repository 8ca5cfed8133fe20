package main

// The signer process: one login, and then it ends. It is started by serve, and is the
// only process of the agent that loads a PKCS#11 module or talks to PC/SC, so that
// whatever goes wrong in there ends with it. It is the one-shot login without a
// terminal: what a person should know or is to be asked goes to the agent on the pipe.

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/signer"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/spf13/cobra"
)

// signerCommand is the hidden command's name.
const signerCommand = "signer"

// signerSettings are what a signer must know of a profile. Its own environment and
// configuration file may say something else by now.
type signerSettings struct {
	Profile      string        `json:"profile"`
	Keys         []string      `json:"keys"`
	PIN          string        `json:"pin,omitempty"` // where it comes from
	NoPINPad     bool          `json:"no_pin_pad,omitempty"`
	Certificate  string        `json:"certificate,omitempty"`
	TouchCommand []string      `json:"touch_command,omitempty"`
	Format       string        `json:"format"`
	Timeout      time.Duration `json:"timeout"`

	PINDevice string `json:"pin_device,omitempty"` // for which a PIN was typed; "": whichever wants it
	// PINMemory is what the agent knows of PINs that were sent (pin.Memory).
	PINMemory json.RawMessage `json:"pin_memory,omitempty"`

	LastTry    bool `json:"last_try,omitempty"`    // a person has said that the PIN's last try may be spent
	PINChanged bool `json:"pin_changed,omitempty"` // a person has said that the PIN which was not taken is the right one
	Unrecorded bool `json:"unrecorded,omitempty"`  // a person wants the PIN sent also where that cannot be written down
}

// settingsForSigner returns a profile's settings for its signers.
func settingsForSigner(profile *config.Profile) signerSettings {
	s := signerSettings{
		Profile: profile.Name, NoPINPad: profile.NoPINPad, Certificate: profile.Certificate, TouchCommand: profile.TouchCommand,
		Format: profile.Format, Timeout: profile.Timeout,
	}
	for _, key := range profile.Keys {
		s.Keys = append(s.Keys, key.String())
	}
	if profile.PIN.Kind != "" {
		s.PIN = profile.PIN.String()
	}
	return s
}

// profileOf is the other way round.
func (s signerSettings) profileOf() (*config.Profile, error) {
	profile := &config.Profile{
		Name: s.Profile, NoPINPad: s.NoPINPad, Certificate: s.Certificate, TouchCommand: s.TouchCommand, Format: s.Format, Timeout: s.Timeout,
	}
	for _, text := range s.Keys {
		address, err := config.ParseAddress(text)
		if err != nil {
			return nil, fmt.Errorf("%w: key: %w", errSettings, err)
		}
		profile.Keys = append(profile.Keys, address)
	}
	source, err := config.ParsePINSource(s.PIN)
	if err != nil {
		return nil, fmt.Errorf("%w: pin: %w", errSettings, err)
	}
	profile.PIN = source
	return profile, nil
}

// newSignerCommand returns the hidden command. A person who calls it is told what it is
// for: it waits for its order and does nothing.
func newSignerCommand(say *messenger) *cobra.Command {
	return &cobra.Command{
		Use:    signerCommand,
		Short:  "sign one login for the agent, which starts this by itself",
		Hidden: true,
		Args:   noArguments,
		RunE: func(*cobra.Command, []string) error {
			watchModulesOfSigner()
			var closings closings
			err := signer.Serve(func(ctx context.Context, order signer.Order, notify agent.NotifyFunc) (*agent.Login, error) {
				login, err := closings.signOrder(ctx, order, notify)
				if err != nil {
					return nil, say.errors().ProblemForAgent(err)
				}
				return login, nil
			})
			return cmp.Or(err, closings.end()) // the agent has its login by now
		},
	}
}

// signOrder makes a login as an order says.
func (c *closings) signOrder(ctx context.Context, order signer.Order, notify agent.NotifyFunc) (*agent.Login, error) {
	var settings signerSettings
	if err := json.Unmarshal(order.Settings, &settings); err != nil {
		return nil, fmt.Errorf("the agent's order makes no sense: %w", err)
	}
	profile, err := settings.profileOf()
	if err != nil {
		return nil, err
	}
	ctx, patience, end := withPatience(ctx, profile.Timeout)
	patience.tell = notify
	device := newDevice(profile, patience, &messenger{tell: notify})
	device.closings = c
	defer device.touch.end()
	defer device.pin.End() // which waits for a program that ends with the context
	defer end()
	device.pin.Changed, device.pin.Unrecorded = settings.PINChanged, settings.Unrecorded
	device.pin.Remote = &pin.Remote{
		Profile: profile.Name, PIN: order.PIN, Device: settings.PINDevice, LastTry: settings.LastTry, Attended: order.Attended,
	}
	if settings.PINMemory != nil { // doctor has none
		device.pin.Book, err = pin.Take(settings.PINMemory, order.Remember)
		if err != nil {
			return nil, fmt.Errorf("the agent's order makes no sense: %w", err)
		}
	}
	run := &deviceRun{ctx, profile, device, device.say, func() {}}
	return run.makeLogin()
}
