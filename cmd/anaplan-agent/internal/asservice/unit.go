package asservice

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// UnitName is the service of the machine.
const UnitName = "anaplan-agent.service"

// unitDirectories are where systemd looks for a unit of the system, the first that has it
// (systemd.unit(5)).
var unitDirectories = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// Why a command cannot be run as the service is.
var (
	ErrNoUnit  = errors.New("there is no service of this machine")
	ErrNotRoot = errors.New("only root can run a command as the service's user")
)

// Unit is a service's file, with what its drop-ins add.
type Unit struct {
	Path     string // of its file
	settings map[string][]string
}

// userDirectories are where it looks for a unit of a user's, after the user's own directory.
var userDirectories = []string{"/etc/systemd/user", "/run/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"}

// Find returns the file of a unit, of the machine's or of a user's, whose own directory is own; "" for
// none.
func Find(name, own string, system bool) string {
	dirs := append([]string{own}, userDirectories...)
	if system {
		dirs = append([]string{own}, unitDirectories...)
	}
	for _, dir := range dirs {
		if path := filepath.Join(dir, name); paths.IsThere(path) {
			return path
		}
	}
	return ""
}

// FindUnit returns the service of that name, or that of a file.
func FindUnit(name string) (*Unit, error) {
	if filepath.IsAbs(name) {
		return readUnit(name)
	}
	if path := Find(name, unitDirectories[0], true); path != "" {
		return readUnit(path)
	}
	return nil, fmt.Errorf("%w: %s is not in %s", ErrNoUnit, name, strings.Join(unitDirectories, ", "))
}

// readUnit reads a service's file, and its drop-ins.
func readUnit(path string) (*Unit, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	texts := []string{string(text)}
	for _, dropIn := range dropIns(filepath.Base(path), slices.Concat(unitDirectories, []string{filepath.Dir(path)})) {
		more, err := os.ReadFile(dropIn)
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(more))
	}
	return NewUnit(path, texts...), nil
}

// dropIns returns the files that add to a unit, sorted by name; of one name the first directory's.
func dropIns(unit string, dirs []string) (paths []string) {
	byName := map[string]string{}
	for _, dir := range slices.Backward(dirs) {
		found, _ := filepath.Glob(filepath.Join(dir, unit+".d", "*.conf"))
		for _, path := range found {
			byName[filepath.Base(path)] = path
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		paths = append(paths, byName[name])
	}
	return paths
}

// NewUnit returns the service that the texts of its file and of its drop-ins describe.
func NewUnit(path string, texts ...string) *Unit { return &Unit{path, settingsOf(texts...)} }

// settingsOf returns the lines about the service of a unit and its drop-ins, by their names. An empty one
// takes those before it back (systemd.syntax(7)).
func settingsOf(texts ...string) map[string][]string {
	settings := map[string][]string{}
	for _, text := range texts {
		section := ""
		for _, line := range wholeLines(text) {
			name, value, ok := strings.Cut(line, "=")
			name, value = strings.TrimSpace(name), strings.TrimSpace(value)
			switch {
			case strings.HasPrefix(line, "["):
				section = line
			case !ok || section != "[Service]":
			case value == "":
				delete(settings, name)
			default:
				settings[name] = append(settings[name], value)
			}
		}
	}
	return settings
}

// wholeLines returns the lines of a file, without comments, those that go on behind a backslash as one.
func wholeLines(text string) (lines []string) {
	begun := ""
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		if before, goesOn := strings.CutSuffix(line, "\\"); goesOn {
			begun += before + " "
			continue
		}
		lines, begun = append(lines, begun+line), ""
	}
	return append(lines, begun)
}

// All returns the values of a setting of which all count.
func (u *Unit) All(name string) []string { return u.settings[name] }

// User returns the name or number of the service's user.
func (u *Unit) User() string { return u.last("User") }

// ConfigFile returns the configuration file that the service reads; "" if that cannot be told.
func (u *Unit) ConfigFile() string {
	set, err := u.environment()
	if err != nil {
		return ""
	}
	home := ""
	if account, err := user.Lookup(u.User()); err == nil {
		home = filepath.Join(account.HomeDir, ".config")
	}
	for _, entry := range set {
		name, value, _ := strings.Cut(entry, "=")
		switch name {
		case "ANAPLAN_AGENT_CONFIG":
			return value
		case "XDG_CONFIG_HOME":
			home = value
		}
	}
	return paths.ServiceConfig(home)
}

// last returns what a setting of which the last one counts is; "" where none is.
func (u *Unit) last(name string) string {
	values := u.settings[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// words returns the words of a setting of which all count.
func (u *Unit) words(name string) ([]string, error) {
	words, err := config.Words(strings.Join(u.settings[name], " "))
	if err != nil {
		return nil, fmt.Errorf("%s: %s=: %w", u.Path, name, err)
	}
	return words, nil
}

// environment returns the variables that the unit sets, each once.
func (u *Unit) environment() ([]string, error) {
	set, err := u.words("Environment")
	if err != nil {
		return nil, err
	}
	for _, path := range u.settings["EnvironmentFile"] {
		optional, isOptional := strings.CutPrefix(path, "-")
		text, err := os.ReadFile(optional)
		if err != nil {
			if isOptional && errors.Is(err, os.ErrNotExist) {
				continue
			}
			return nil, fmt.Errorf("%s: EnvironmentFile=: %w", u.Path, err)
		}
		for line := range strings.Lines(string(text)) {
			name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			if ok && !strings.HasPrefix(name, "#") && !strings.HasPrefix(name, ";") {
				set = append(set, name+"="+unquoted(value))
			}
		}
	}
	return lastOfEach(set), nil
}

// lastOfEach returns the variables with the last value of each: a program would take the first.
func lastOfEach(env []string) []string { return (&exec.Cmd{Env: slices.Concat(env)}).Environ() }

// unquoted leaves out the quotation marks around a value.
func unquoted(value string) string {
	if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		return value[1 : len(value)-1]
	}
	return value
}

// directory is one that systemd makes for the service.
type directory struct {
	variable, path, mode string
}

// directories returns those that the unit has, with the variables that name them (systemd.exec(5)).
func (u *Unit) directories() (all []directory) {
	for _, kind := range []struct{ setting, variable, below string }{
		{"StateDirectory", "STATE_DIRECTORY", "/var/lib"},
		{"CacheDirectory", "CACHE_DIRECTORY", "/var/cache"},
		{"LogsDirectory", "LOGS_DIRECTORY", "/var/log"},
	} {
		if name, _, _ := strings.Cut(u.last(kind.setting), " "); name != "" {
			all = append(all, directory{kind.variable, filepath.Join(kind.below, name), u.last(kind.setting + "Mode")})
		}
	}
	return all
}

// credential is a secret that systemd hands to the service.
type credential struct {
	name, path string
	encrypted  bool
}

// credentials returns those that the unit has from files.
func (u *Unit) credentials() (all []credential) {
	for setting, encrypted := range map[string]bool{"LoadCredential": false, "LoadCredentialEncrypted": true} {
		for _, value := range u.settings[setting] {
			if name, path, ok := strings.Cut(value, ":"); ok && filepath.IsAbs(path) {
				all = append(all, credential{name, path, encrypted})
			}
		}
	}
	return all
}
