package device

// What the commands that use a device have in common: settings, a time limit, and a
// check that somebody will get the result.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/foreign"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// Run is one run of a command that uses the device: its settings and its
// time limit.
type Run struct {
	Ctx     context.Context // ends when the time of the profile is up
	Profile *config.Profile
	Config  string // the configuration file, which may not be there yet
	Device  *Device
	Say     *console.Messenger
	End     func() // lets go of the time limit and of programs; call it once
}

// RunE returns the cobra.Command.RunE of a command that uses the device. It fails first if nobody
// would get the result, which would waste a PIN try, a signature and a login.
func RunE(s *settings.Settings, say *console.Messenger, work func(*Run) error) func(*cobra.Command, []string) error {
	return RunTo(s, say, new(string), work)
}

// AddOutput gives a command the flag that names a file for its result.
func AddOutput(cmd *cobra.Command, what string) *string {
	return cmd.Flags().StringP("output", "o", "", "file for "+what+" (default: standard output)")
}

// RunTo is RunE for a command whose result goes into the file of --output, if there is one.
func RunTo(s *settings.Settings, say *console.Messenger, output *string, work func(*Run) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := checkOutput(cmd, *output); err != nil {
			return err
		}
		WatchModules()
		run, err := StartRun(cmd.Context(), s, say)
		if err != nil {
			return err
		}
		defer run.End()
		if err := work(run); err != nil {
			return err
		}
		workDone()
		return nil
	}
}

// checkOutput fails where nobody would get the result.
func checkOutput(cmd *cobra.Command, path string) error {
	if cmd.Flags().Lookup("output") != nil {
		if err := settings.NotEmpty(cmd, "output"); err != nil {
			return err
		}
	}
	if path == "" || path == "-" {
		return console.CheckStdout()
	}
	if err := paths.CheckOutput(path); err != nil {
		return explain.Usagef(cmd.CommandPath(), "--output %s: %w", path, err)
	}
	return nil
}

// ErrElsewhere says that another agent has the key, which only an agent of this machine can use.
var ErrElsewhere = errors.New("another agent has the key, and only an agent of this machine can use it")

// StartRun loads the settings and starts the clock. Its errors are about the settings: nothing has
// been opened or sent yet.
func StartRun(parent context.Context, s *settings.Settings, say *console.Messenger) (*Run, error) {
	profile, err := s.Load()
	if err != nil {
		return nil, err
	}
	if members := profile.Members(); members != nil {
		return nil, fmt.Errorf("%w: %s", ErrElsewhere, members[0])
	}
	ctx, deadline, end := console.WithDeadline(parent, profile.Timeout)
	d := New(profile, deadline, say)
	d.PIN.Changed, d.PIN.Unrecorded = s.PINChanged, s.Unrecorded
	return &Run{ctx, profile, s.ConfigFile(), d, say, func() {
		end()
		d.LetGo()
		d.PIN.End()
		d.Touch.End()
	}}, nil
}

// MakeLogin has the key sign a login in the profile's format. The device is closed when the run
// ends, after the login was delivered. The time in the login is taken after the PIN of the
// token was typed, since Anaplan takes logins for some minutes only (contract section 1.3).
func (r *Run) MakeLogin() (*agent.Login, error) {
	// The profile holds "v1" or "v2" only; config has checked it.
	format := agent.Format(r.Profile.Format)
	if format == agent.V1 {
		r.Say.Warn("a v1 payload is a password: anybody who has it can log in until the certificate expires or is disabled")
	}
	key, err := r.Device.Open(r.Ctx)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	if err := foreign.Hide(); err != nil { // even without a PIN, the signature is a secret
		return nil, err
	}
	return agent.SignLogin(r.Ctx, key, format, time.Now())
}
