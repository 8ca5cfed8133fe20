package rotate

// The renewal of a key: a second one beside the first, which stays until retire deletes it. At
// every moment there is a key that can log in.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/spf13/cobra"
)

// Order is what the flags of rotate start and finish say.
type Order struct {
	Object, Slot string
	NewKey       string // address of a key that is there; "": one is made
	Answer       string // file of the CA's
	NewUser      bool
	enroll.Enrolment
}

// WithDeletion gives a command that deletes a key its flags and its RunE.
func WithDeletion(cmd *cobra.Command, s *settings.Settings, say *console.Messenger, work func(s *Session, yes bool, managementKey string) error) *cobra.Command {
	yes := cmd.Flags().Bool("yes", false, "do not ask")
	var managementKey string
	AddManagementKeyFlag(cmd, &managementKey)
	return WithWork(cmd, s, say, func(s *Session) error { return work(s, *yes, managementKey) })
}

// AddManagementKeyFlag gives a command --management-key, the only flag for cards that it needs.
func AddManagementKeyFlag(cmd *cobra.Command, place *string) {
	cmd.Flags().StringVar(place, "management-key", "", "YubiKey: where its management key comes from: prompt, protected (by the PIN), file:PATH or env:NAME (default: the factory's, else protected, else prompt)")
}

// Session is one step of a rotation.
type Session struct {
	*device.Run
	settings *settings.Settings
	rotation *rotation
	json     bool // standard output is how far it is after this step
}

// WithWork gives a command of rotate its RunE, and --json. The key must come from the
// configuration: one from a variable is not the one to replace there.
func WithWork(cmd *cobra.Command, s *settings.Settings, say *console.Messenger, work func(*Session) error) *cobra.Command {
	asJSON := cmd.Flags().Bool("json", false, "print how far it is then as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := console.CheckStdout(); err != nil {
			return err
		}
		for _, name := range []string{"key", "certificate"} {
			if value, ok := s.Override(config.Setting{Name: name}); ok {
				return fmt.Errorf("%w: %s is set, and rotate replaces the %s in the configuration file: unset it", settings.ErrSettings, value.From, name)
			}
		}
		device.WatchModules()
		run, err := device.StartRun(cmd.Context(), s, say)
		if err != nil {
			return err
		}
		defer run.End()
		if run.Profile.Certificate != "" && len(run.Profile.Keys) > 1 {
			return fmt.Errorf("%w: profile %q has several keys with one certificate (certificate = ...), and rotate replaces one key: give the profile one key for the time of the rotation", settings.ErrSettings, run.Profile.Name)
		}
		known, err := StateOf(s)
		if err != nil {
			return err
		}
		unlock, err := known.lock()
		if err != nil {
			return err
		}
		defer unlock()
		if known, err = StateOf(s); err != nil { // as it is now that nobody changes it
			return err
		}
		defer run.Device.PIN.Keep()()
		if err := work(&Session{run, s, known, *asJSON}); err != nil || !*asJSON {
			return err
		}
		if known, err = StateOf(s); err != nil { // a step may have ended the rotation
			return err
		}
		return console.PrintJSON(known.Progress())
	}
	return cmd
}

// withKey returns the run with another key in the place of the profile's.
func (s *Session) withKey(wanted entry) (*device.Run, config.Address, error) {
	address, err := config.ParseAddress(wanted.key)
	if err != nil {
		return nil, nil, err
	}
	profile := *s.Profile
	profile.Keys, profile.Certificate = []config.Address{address}, wanted.certificate
	run, d := *s.Run, *s.Device
	d.Profile = &profile
	run.Profile, run.Device = &profile, &d
	return &run, address, nil
}

// errNotDeleted says that the person did not confirm.
var errNotDeleted = errors.New("nothing was deleted")

// confirm asks a person, for a key that is deleted is gone for good.
func (s *Session) confirm(yes bool, what string) error {
	if yes {
		return nil
	}
	terminal, err := console.OpenTerminal()
	if err != nil {
		return fmt.Errorf("%w: it needs a yes: call it on a terminal, or add --yes", errNotDeleted)
	}
	defer terminal.Close()
	defer s.Device.PIN.Pause()()
	agreed, err := terminal.AskYes(s.Ctx, fmt.Sprintf("Delete %s and its certificate for good?", what))
	if err == nil && !agreed {
		err = errNotDeleted
	}
	return err
}

// unused returns an error if a profile of the configuration file may mean a key.
func (s *Session) unused(address config.Address) error {
	names, err := s.rotation.Config.users(address)
	if err != nil || len(names) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s is still the key of profile %s in %s, so it is not deleted", errRotation, address, strings.Join(names, ", "), s.rotation.Config)
}
