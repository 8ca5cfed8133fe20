package main

// Where settings come from: flag, environment, profile, default, in this order. What
// they may hold is package config's to say; this file finds the texts and where they
// stand, so that an error can name the place to correct.

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
	"github.com/spf13/cobra"
)

// The settings that a command takes, by what it does. A flag that a command has no
// use for is not offered, so that nobody believes it had an effect.
var (
	deviceSettings = []string{"key", "pin", "pin_pad", "certificate", "timeout"}
	signSettings   = append([]string{"touch_command", "format"}, deviceSettings...)
	serverSettings = []string{"region", "auth_url", "api_url", "ca_file", "header_form", "timeout"}
	socketSettings = []string{"socket"}
	agentSettings  = []string{
		"socket", "listen", "audit_file", "log_level", "logout_at_end", "share_socket",
		"allow", "policy", "tenant", "requests_per_minute", "idle", "token_file", "token_file_mode", "token_file_owner", "expiry_command",
	}
)

// settings are the flags of one command that are settings too. Each may come from
// the environment or a profile instead.
type settings struct {
	command    *cobra.Command
	names      []string     // of the settings that have a flag here
	config     string       // --config
	profile    string       // --profile
	pinChanged bool         // --pin-changed, which is not a setting: it is said once
	unrecorded bool         // --pin-unrecorded, likewise
	piped      *config.File // what was read of a pipe, which gives it once; nil: nothing was
	mayBeNew   bool         // the profile that is named need not be there: it is about to be written
}

// addSettings gives command the flags of the named settings, and those that say
// where settings are: --config and --profile. Defaults are not the flags' own, so
// that a flag that was not given leaves the word to the environment and the profile.
func addSettings(command *cobra.Command, groups ...[]string) *settings {
	s := &settings{command: command, names: slices.Compact(slices.Sorted(slices.Values(slices.Concat(groups...))))}
	flags := command.Flags()
	for _, setting := range slices.Concat(config.Settings(), config.AgentSettings()) {
		if slices.Contains(s.names, setting.Name) {
			flags.String(setting.Flag(), "", setting.Usage)
			completeSetting(command, setting)
		}
	}
	flags.StringVar(&s.config, "config", "", "configuration file (default: "+strings.Join(defaultConfigs(), ", then ")+")")
	flags.StringVar(&s.profile, "profile", "", `which [profile.NAME] of the configuration file (default "default")`)
	if slices.Contains(s.names, "pin") && !slices.Contains(s.names, "allow") {
		// A flag and nothing else: in a profile or a variable it would hold for every
		// run, and a wrong PIN would be sent each time. Of the agent it is unlock's.
		flags.BoolVar(&s.pinChanged, "pin-changed", false, "the PIN that was refused, or gave no clear answer, is the right one: send it again")
		flags.BoolVar(&s.unrecorded, "pin-unrecorded", false, "send the PIN also where that cannot be written down first; a wrong one is sent at every run then")
	}
	command.RegisterFlagCompletionFunc("profile", s.completeProfile)
	return s
}

// load returns the profile, merged in this order: flag, environment, file,
// default. The environment is read for all settings, also for those that the
// command has no flag for, so that a mistake in it is found by the first command and
// not by the one that runs at night. Errors are errSettings.
func (s *settings) load() (*config.Profile, error) {
	file, err := s.readConfig()
	if err != nil {
		return nil, err
	}
	return s.profileIn(file, s.profileName())
}

// profileIn returns a profile of a configuration file. Flags and environment change the
// one that --profile names, and no other.
func (s *settings) profileIn(file *config.File, name string) (*config.Profile, error) {
	var over map[string]config.Value
	if name == s.profileName() {
		over = s.overrides(config.Settings())
	}
	wanted := name
	if s.mayBeNew && !slices.Contains(file.Profiles(), name) {
		file, wanted = nil, config.DefaultProfile
	}
	profile, err := file.Profile(wanted, over)
	if err == nil {
		profile.Name = name
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSettings, err)
	}
	return profile, nil
}

// agentIn returns the settings of the agent as a process.
func (s *settings) agentIn(file *config.File) (*config.Agent, error) {
	agent, err := file.Agent(s.overrides(config.AgentSettings()))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSettings, err)
	}
	return agent, nil
}

// overrides returns what flags and environment say of the settings.
func (s *settings) overrides(known []config.Setting) map[string]config.Value {
	over := map[string]config.Value{}
	for _, setting := range known {
		if value, ok := s.override(setting); ok {
			over[setting.Name] = value
		}
	}
	return over
}

// isOverridden reports whether a flag or the environment says the setting.
func (s *settings) isOverridden(name string) bool {
	_, ok := s.overrides(config.Settings())[name]
	return ok
}

// errSettings says that what the user has set is wrong, wherever it was set.
var errSettings = pin.ErrSetting

// override returns a setting's value from its flag, else from the environment. An
// empty flag takes back what the profile says; an empty variable is none, since
// there are places that can only set a variable and not unset it.
func (s *settings) override(setting config.Setting) (config.Value, bool) {
	if flag := s.command.Flags().Lookup(setting.Flag()); flag != nil && flag.Changed && slices.Contains(s.names, setting.Name) {
		return config.Value{Text: flag.Value.String(), From: "--" + setting.Flag()}, true
	}
	if text, ok := os.LookupEnv(setting.Env()); ok && text != "" {
		return config.Value{Text: text, From: setting.Env()}, true
	}
	return config.Value{}, false
}

// profileName returns which profile is meant.
func (s *settings) profileName() string {
	switch {
	case s.profile != "":
		return s.profile
	case os.Getenv("ANAPLAN_AGENT_PROFILE") != "":
		return os.Getenv("ANAPLAN_AGENT_PROFILE")
	}
	return "default"
}

// readConfig reads the configuration file: the one that is named, else the first
// default that exists, else none (nil). The two defaults are not merged: which of
// them a value came from would be hard to tell.
func (s *settings) readConfig() (*config.File, error) {
	// A file that was named must be there; only the defaults may be missing.
	named := s.config
	if named == "" {
		named = os.Getenv("ANAPLAN_AGENT_CONFIG")
	}
	if named != "" {
		return s.readNamed(named)
	}
	for _, path := range defaultConfigs() {
		file, err := parseConfig(path)
		if !isMissing(err) {
			return file, err
		}
	}
	return nil, nil
}

// readNamed reads the configuration file that is named. A pipe is read once.
func (s *settings) readNamed(path string) (*config.File, error) {
	if s.piped != nil {
		return s.piped, nil
	}
	info, err := os.Stat(path)
	isPiped := path == "-" || err == nil && !info.Mode().IsRegular()
	file, err := parseConfig(path)
	if err == nil && isPiped {
		s.piped = file
	}
	return file, err
}

// configPath returns the configuration file that readConfig reads; "" for none.
func (s *settings) configPath() string {
	if named := cmp.Or(s.config, os.Getenv("ANAPLAN_AGENT_CONFIG")); named != "" {
		return named
	}
	for _, path := range defaultConfigs() {
		if _, err := os.Stat(path); !isMissing(err) {
			return path
		}
	}
	return ""
}

// isMissing reports whether a file is not there, of which a home that is no
// directory is a case: services often have /dev/null for theirs. A file that is
// there and cannot be read is not missing, for its settings would be lost silently.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// parseConfig reads and checks a configuration file. One that somebody else can change is refused: it
// names programs and libraries.
func parseConfig(path string) (*config.File, error) {
	if path != "-" {
		if err := owned.Check(path); err != nil {
			return nil, fmt.Errorf("%w: %w", errSettings, err)
		}
	}
	data, err := readInput(path)
	if err != nil {
		return nil, fmt.Errorf("%w: configuration file: %w", errSettings, err)
	}
	file, err := config.Parse(path, data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSettings, err)
	}
	return file, nil
}

// defaultConfigs returns where the configuration file is looked for: the user's
// own place (XDG_CONFIG_HOME, where there is a home), and the system's.
func defaultConfigs() []string {
	paths := []string{filepath.Join("/etc", program, "config.toml")}
	if user, err := os.UserConfigDir(); err == nil {
		paths = append([]string{filepath.Join(user, program, "config.toml")}, paths...)
	}
	return paths
}

// completeSetting offers a shell the values of a setting that has few. Where the
// value is a file, or may be one as in --pin file:PATH, the shell offers files by
// itself. Nothing is looked up before a shell asks, for this runs at every start.
func completeSetting(command *cobra.Command, setting config.Setting) {
	switch setting.Name {
	case "certificate", "ca_file", "pin", "touch_command", "expiry_command", "socket", "audit_file", "token_file":
		return
	}
	command.RegisterFlagCompletionFunc(setting.Flag(), func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return settingValues(setting.Name), cobra.ShellCompDirectiveNoFileComp
	})
}

// settingValues returns what a setting can be, where that is known. Addresses of
// keys are not: listing them takes a module and seconds, and Tab should take neither.
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
func (s *settings) completeProfile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	file, err := s.readConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return file.Profiles(), cobra.ShellCompDirectiveNoFileComp
}
