package asservice

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// UnitName is the service of the machine.
const UnitName = "anaplan-agent.service"

// Why a command cannot be run as the service is.
var (
	ErrNoUnit  = errors.New("there is no service of this machine")
	ErrNotRoot = errors.New("only root can run a command as the service's user")
	ErrAsking  = errors.New("systemd does not say what the service is given")
)

// Where systemd's files are. root runs these programs, so they are not looked for on the caller's PATH.
const (
	systemsDirectory = "/run/systemd/system" // exists where systemd runs (sd_booted(3))
	busctlProgram    = "/usr/bin/busctl"
	runProgram       = "/usr/bin/systemd-run"
)

// unitDirectories are where systemd looks for a unit of the system, the first that has it
// (systemd.unit(5)).
var unitDirectories = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

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

// Unit is a service as systemd has read it, with all its drop-ins: its properties on D-Bus
// (org.freedesktop.systemd1(5)), in which specifiers are expanded and settings that were taken back
// are gone. Ask is the way to one.
type Unit struct {
	Name       string
	properties map[string]json.RawMessage
}

// Ask asks systemd about a service.
func Ask(name string) (*Unit, error) {
	if !paths.IsThere(systemsDirectory) {
		return nil, fmt.Errorf("%w: systemd does not run here", ErrNoUnit)
	}
	if !strings.Contains(name, ".") {
		name += ".service"
	}
	ask := exec.Command(busctlProgram, "--json=short", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1/unit/"+escaped(name),
		"org.freedesktop.DBus.Properties", "GetAll", "s", "")
	ask.Env = []string{}
	answer, err := ask.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("%w: busctl: %s", ErrAsking, strings.TrimSpace(string(failed.Stderr)))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAsking, err)
	}
	unit, err := NewUnit(name, answer)
	if err != nil {
		return nil, err
	}
	return unit, unit.isLoaded()
}

// NewUnit returns the service that an answer of busctl's describes.
func NewUnit(name string, answer []byte) (*Unit, error) {
	var reply struct {
		Data []map[string]struct{ Data json.RawMessage }
	}
	if err := json.Unmarshal(answer, &reply); err != nil || len(reply.Data) != 1 {
		return nil, fmt.Errorf("%w: busctl has answered something else (%v)", ErrAsking, err)
	}
	unit := &Unit{name, map[string]json.RawMessage{}}
	for property, value := range reply.Data[0] {
		unit.properties[property] = value.Data
	}
	return unit, nil
}

// escaped returns a unit's name as it stands in the name of its object on D-Bus.
func escaped(name string) string {
	var path strings.Builder
	for _, c := range []byte(name) {
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' {
			path.WriteByte(c)
		} else {
			fmt.Fprintf(&path, "_%02x", c)
		}
	}
	return path.String()
}

// isLoaded says why systemd cannot start the service.
func (u *Unit) isLoaded() error {
	switch state := u.text("LoadState"); state {
	case "loaded":
		return nil
	case "not-found":
		return fmt.Errorf("%w: systemd finds no %s", ErrNoUnit, u.Name)
	default:
		var why [2]string // the name of an error, and its text
		u.get("LoadError", &why)
		return fmt.Errorf("systemd cannot start %s: %s", u.Name, cmp.Or(why[1], "it is "+state))
	}
}

// get reads a property, if systemd is new enough to have it.
func (u *Unit) get(name string, into any) {
	if value, ok := u.properties[name]; ok {
		json.Unmarshal(value, into) //nolint:errcheck // of another type it is another systemd's, and as absent
	}
}

// text returns a property that is one string.
func (u *Unit) text(name string) (value string) { u.get(name, &value); return value }

// words returns a property that is a list of strings.
func (u *Unit) words(name string) (values []string) { u.get(name, &values); return values }

// is reports whether a property is set to something.
func (u *Unit) is(name string) bool {
	switch string(u.properties[name]) {
	case "", `""`, "[]", "false", "null":
		return false
	}
	return true
}

// User returns the name or number of the service's user.
func (u *Unit) User() string { return u.text("User") }

// Groups returns the groups that the service has besides those of its user.
func (u *Unit) Groups() []string { return u.words("SupplementaryGroups") }

// Credentials returns the names of the service's credentials.
func (u *Unit) Credentials() (names []string) {
	for _, setting := range credentialSettings {
		var all [][]json.RawMessage
		u.get(setting, &all)
		for _, c := range all {
			var name string
			if len(c) > 0 && json.Unmarshal(c[0], &name) == nil {
				names = append(names, name)
			}
		}
	}
	return names
}

// ConfigFile returns the configuration file that the service reads; "" if that cannot be told, as
// where its variables stand in a file.
func (u *Unit) ConfigFile() string {
	if u.is("EnvironmentFiles") {
		return ""
	}
	home := ""
	if account, err := user.Lookup(u.User()); err == nil {
		home = filepath.Join(account.HomeDir, ".config")
	}
	config := ""
	for _, entry := range u.words("Environment") {
		name, value, _ := strings.Cut(entry, "=")
		switch name {
		case "ANAPLAN_AGENT_CONFIG":
			config = value
		case "XDG_CONFIG_HOME":
			home = value
		}
	}
	if config != "" {
		return config
	}
	return paths.ServiceConfig(home)
}
