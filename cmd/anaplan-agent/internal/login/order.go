package login

// The signer process: one login, and then it ends. It is started by serve, and is the
// only process of the agent that loads a PKCS#11 module or talks to PC/SC, so that
// whatever goes wrong in there ends with it. It is the one-shot login without a
// terminal: what a person should know or is to be asked goes to the agent on the pipe.

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/signer"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// SignerCommand is the hidden command's name.
const SignerCommand = "signer"

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

// SettingsForSigner returns a profile's settings for its signers.
func SettingsForSigner(profile *config.Profile) signerSettings {
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

// profileOf returns the profile of a signer's settings.
func (s signerSettings) profileOf() (*config.Profile, error) {
	profile := &config.Profile{
		Name: s.Profile, NoPINPad: s.NoPINPad, Certificate: s.Certificate, TouchCommand: s.TouchCommand, Format: s.Format, Timeout: s.Timeout,
	}
	for _, text := range s.Keys {
		address, err := config.ParseAddress(text)
		if err != nil {
			return nil, fmt.Errorf("%w: key: %w", settings.ErrSettings, err)
		}
		profile.Keys = append(profile.Keys, address)
	}
	source, err := config.ParsePINSource(s.PIN)
	if err != nil {
		return nil, fmt.Errorf("%w: pin: %w", settings.ErrSettings, err)
	}
	profile.PIN = source
	return profile, nil
}

// SignOrder makes a login as an order says.
func SignOrder(ctx context.Context, c *device.Closings, order signer.Order, notify agent.NotifyFunc) (*agent.Login, error) {
	var forSigner signerSettings
	if err := json.Unmarshal(order.Settings, &forSigner); err != nil {
		return nil, fmt.Errorf("the agent's order is malformed: %w", err)
	}
	profile, err := forSigner.profileOf()
	if err != nil {
		return nil, err
	}
	ctx, deadline, end := console.WithDeadline(ctx, profile.Timeout)
	deadline.Tell = notify
	d := device.New(profile, deadline, &console.Messenger{Tell: notify})
	d.Closings = c
	defer d.Touch.End()
	defer d.PIN.End() // which waits for a program that ends with the context
	defer end()
	d.PIN.Changed, d.PIN.Unrecorded = forSigner.PINChanged, forSigner.Unrecorded
	d.PIN.Remote = &pin.Remote{
		Profile: profile.Name, PIN: order.PIN, Device: forSigner.PINDevice, LastTry: forSigner.LastTry, Attended: order.Attended,
	}
	if forSigner.PINMemory != nil { // doctor has none
		d.PIN.Book, err = pin.Take(forSigner.PINMemory, order.Remember)
		if err != nil {
			return nil, fmt.Errorf("the agent's order is malformed: %w", err)
		}
	}
	run := &device.Run{Ctx: ctx, Profile: profile, Device: d, Say: d.Say, End: func() {}}
	return run.MakeLogin()
}

// NewSigners returns what starts signer processes: this very program, also when its file
// has been replaced by a newer one meanwhile.
func NewSigners(logger *slog.Logger) *signer.Process {
	return &signer.Process{Path: build.Self(), Command: []string{os.Args[0], SignerCommand}, Logger: logger}
}

// LastWords is how long a signer whose time is up has to say what it was waiting for, before it is
// killed.
const LastWords = 2 * time.Second
