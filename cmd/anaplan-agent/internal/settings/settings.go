package settings

// Where settings come from: flag, environment, profile, default, in this order. Package config says
// what they may contain; this file finds the texts and their places, so that an error can name the
// place to correct.

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// The settings that a command takes, by what it does. A command does not offer flags that it has no
// use for, so that nobody believes they had an effect.
var (
	DeviceFlags = []string{"key", "pin", "pin_pad", "certificate", "timeout"}
	SignFlags   = append([]string{"touch_command", "format"}, DeviceFlags...)
	ServerFlags = []string{"region", "auth_url", "api_url", "ca_file", "header_form", "timeout"}
	SocketFlags = []string{"socket"}
	AgentFlags  = []string{
		"socket", "listen", "listen_tls", "tls", "metrics", "audit_file", "log_level", "log_format", "log_file", "logout_at_end", "share_socket",
		"allow", "policy", "tenant", "requests_per_minute", "idle", "token_file", "token_file_mode", "token_file_owner", "expiry_command",
	}
)

// Settings are the flags of one command that are settings too. Each may come from
// the environment or a profile instead.
type Settings struct {
	Command    *cobra.Command
	names      []string     // of the settings that have a flag here
	config     string       // --config
	Profile    string       // --profile
	PINChanged bool         // --pin-changed, which is not a setting: it is said once
	Unrecorded bool         // --pin-unrecorded, likewise
	Piped      *config.File // what was read from a pipe, which gives it only once; nil: nothing was
	MayBeNew   bool         // the profile need not exist: it is about to be written
}

// Add gives command the flags of the named settings, and --config and --profile. The flags have no
// defaults of their own, so that the environment and the profile count where a flag was not given.
func Add(command *cobra.Command, groups ...[]string) *Settings {
	s := &Settings{Command: command, names: slices.Compact(slices.Sorted(slices.Values(slices.Concat(groups...))))}
	flags := command.Flags()
	for _, setting := range slices.Concat(config.Settings(), config.AgentSettings()) {
		if slices.Contains(s.names, setting.Name) {
			flags.String(setting.Flag(), "", setting.Usage)
			completeSetting(command, setting)
		}
	}
	flags.StringVar(&s.config, "config", "", "configuration file (default: "+strings.Join(paths.DefaultConfigs(), ", then ")+")")
	flags.StringVar(&s.Profile, "profile", "", `which [profile.NAME] of the configuration file (default "default")`)
	if slices.Contains(s.names, "pin") && !slices.Contains(s.names, "allow") {
		// Only a flag: in a profile or a variable it would hold for every run, and a wrong PIN
		// would be sent each time. For the agent, unlock has it.
		flags.BoolVar(&s.PINChanged, "pin-changed", false, "the PIN that was refused, or gave no clear answer, is the right one: send it again")
		flags.BoolVar(&s.Unrecorded, "pin-unrecorded", false, "send the PIN even if that cannot be recorded first; then every run sends a wrong one again")
	}
	command.RegisterFlagCompletionFunc("profile", s.completeProfile)
	return s
}

// Load returns the profile, merged in this order: flag, environment, file, default. The environment
// is read for all settings, also for those that the command has no flag for, so that the first
// command finds a mistake in it, and not the one that runs at night. Its errors are ErrSettings.
func (s *Settings) Load() (*config.Profile, error) {
	file, err := s.ReadConfig()
	if err != nil {
		return nil, err
	}
	return s.ProfileIn(file, s.ProfileName())
}

// ProfileIn returns a profile of a configuration file. Flags and environment change the
// one that --profile names, and no other.
func (s *Settings) ProfileIn(file *config.File, name string) (*config.Profile, error) {
	var over map[string]config.Value
	if name == s.ProfileName() {
		over = s.overrides(config.Settings())
	}
	wanted := name
	if s.MayBeNew && !slices.Contains(file.Profiles(), name) {
		file, wanted = nil, config.DefaultProfile
	}
	profile, err := file.Profile(wanted, over)
	if err == nil {
		profile.Name = name
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return profile, nil
}

// AgentIn returns the settings of the agent as a process.
func (s *Settings) AgentIn(file *config.File) (*config.Agent, error) {
	agent, err := file.Agent(s.overrides(config.AgentSettings()))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return agent, nil
}

// overrides returns what flags and environment say of the settings.
func (s *Settings) overrides(known []config.Setting) map[string]config.Value {
	over := map[string]config.Value{}
	for _, setting := range known {
		if value, ok := s.Override(setting); ok {
			over[setting.Name] = value
		}
	}
	return over
}

// IsOverridden reports whether a flag or the environment gives the setting.
func (s *Settings) IsOverridden(name string) bool {
	_, ok := s.overrides(config.Settings())[name]
	return ok
}

// ErrSettings says that what the user has set is wrong, wherever it was set.
var ErrSettings = pin.ErrSetting

// Override returns a setting's value from its flag, else from the environment. An empty flag undoes
// what the profile says; an empty variable counts as not set, since some places can set a variable
// but not unset it.
func (s *Settings) Override(setting config.Setting) (config.Value, bool) {
	if flag := s.Command.Flags().Lookup(setting.Flag()); flag != nil && flag.Changed && slices.Contains(s.names, setting.Name) {
		return config.Value{Text: flag.Value.String(), From: "--" + setting.Flag()}, true
	}
	if text, ok := os.LookupEnv(setting.Env()); ok && text != "" {
		return config.Value{Text: text, From: setting.Env()}, true
	}
	return config.Value{}, false
}

// ProfileName returns which profile is meant.
func (s *Settings) ProfileName() string {
	switch {
	case s.Profile != "":
		return s.Profile
	case os.Getenv("ANAPLAN_AGENT_PROFILE") != "":
		return os.Getenv("ANAPLAN_AGENT_PROFILE")
	}
	return "default"
}

// ReadConfig reads the configuration file: the one that is named, else the first
// default that exists, else none (nil). The two defaults are not merged: which of
// them a value came from would be hard to tell.
func (s *Settings) ReadConfig() (*config.File, error) {
	if err := checkState(); err != nil {
		return nil, err
	}
	// A file that was named must be there; only the defaults may be missing.
	named := s.config
	if named == "" {
		named = os.Getenv("ANAPLAN_AGENT_CONFIG")
	}
	if named != "" {
		return s.readNamed(named)
	}
	for _, path := range paths.DefaultConfigs() {
		file, err := ParseConfig(path)
		if !paths.IsMissing(err) {
			return file, err
		}
	}
	return nil, nil
}

// readNamed reads the configuration file that is named. A pipe is read once.
func (s *Settings) readNamed(path string) (*config.File, error) {
	if s.Piped != nil {
		return s.Piped, nil
	}
	info, err := os.Stat(path)
	isPiped := path == "-" || err == nil && !info.Mode().IsRegular()
	file, err := ParseConfig(path)
	if err == nil && isPiped {
		s.Piped = file
	}
	return file, err
}

// ConfigPath returns the configuration file that ReadConfig reads; "" for none.
func (s *Settings) ConfigPath() string {
	if named := cmp.Or(s.config, os.Getenv("ANAPLAN_AGENT_CONFIG")); named != "" {
		return named
	}
	for _, path := range paths.DefaultConfigs() {
		if _, err := os.Stat(path); !paths.IsMissing(err) {
			return path
		}
	}
	return ""
}

// ConfigFile returns the configuration file that is in use, or is to be: a pipe is none.
func (s *Settings) ConfigFile() string {
	path := s.ConfigPath()
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ConfigToBe()
	}
	return path
}

// ParseConfig reads and checks a configuration file. A file that another user can change is
// refused: it names programs and libraries.
func ParseConfig(path string) (*config.File, error) {
	if path != "-" {
		if err := owned.Check(path); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSettings, err)
		}
	}
	data, err := console.ReadText(path)
	if err != nil {
		return nil, fmt.Errorf("%w: configuration file: %w", ErrSettings, err)
	}
	file, err := config.Parse(path, data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return file, nil
}

// completeSetting offers a shell the values of a setting that has few. Where the
// value is a file, or may be one as in --pin file:PATH, the shell offers files by
// itself, and keys are found by package completion. Nothing is looked up before a shell asks, for
// this runs at every start.
func completeSetting(command *cobra.Command, setting config.Setting) {
	switch setting.Name {
	case "key", "certificate", "ca_file", "pin", "touch_command", "expiry_command", "socket", "tls", "audit_file", "log_file", "token_file":
		return
	}
	command.RegisterFlagCompletionFunc(setting.Flag(), func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return settingValues(setting.Name), cobra.ShellCompDirectiveNoFileComp
	})
}

// settingValues returns what a setting can be, where that is known.
func settingValues(name string) []string {
	switch name {
	case "region":
		return anaplan.Regions()
	case "header_form":
		return []string{"pem", "der"}
	case "format":
		return []string{"v2", "v1"}
	case "log_level":
		return []string{"debug", "info", "warn", "error"}
	case "logout_at_end", "share_socket", "pin_pad":
		return []string{"yes", "no"}
	}
	return nil
}

// completeProfile lists the profiles of the configuration file to a shell.
func (s *Settings) completeProfile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	file, err := s.ReadConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return file.Profiles(), cobra.ShellCompDirectiveNoFileComp
}

// ErrNoAddress says that no flag, variable or profile names a key.
var ErrNoAddress = errors.New("no key configured")

// noAddressError is ErrNoAddress where other profiles may be intended.
type noAddressError struct{ profiles []string }

func (e *noAddressError) Error() string {
	return fmt.Sprintf("%v, and the configuration file has no profile %q: it has %s", ErrNoAddress, config.DefaultProfile, strings.Join(e.profiles, ", "))
}

func (e *noAddressError) Unwrap() error { return ErrNoAddress }

// NoAddress returns why there is no key.
func NoAddress(profile *config.Profile) error {
	if len(profile.Others) == 0 {
		return ErrNoAddress
	}
	return &noAddressError{profile.Others}
}

// ConfigToBe is the configuration file of this user, whether or not it exists.
func ConfigToBe() string { return paths.DefaultConfigs()[0] }
