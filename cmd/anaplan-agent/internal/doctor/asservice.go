package doctor

// What the service of the machine has and this process has not: its user, groups and credentials.

import (
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
)

// self is what this process is to systemd.
type self struct {
	user        string
	groups      []string
	credentials bool // it was given some
}

// thisProcess returns what it is. Groups without a name are nobody's in a unit.
func thisProcess() (me self) {
	me.credentials = os.Getenv("CREDENTIALS_DIRECTORY") != ""
	if current, err := user.Current(); err == nil {
		me.user = current.Username
	}
	ids, _ := os.Getgroups()
	for _, id := range append(ids, os.Getegid()) {
		if group, err := user.LookupGroupId(strconv.Itoa(id)); err == nil {
			me.groups = append(me.groups, group.Name)
		}
	}
	return me
}

// unitSettings are the lines of a unit and its drop-ins, by their names. An empty one takes those
// before it back (systemd.syntax(7)).
func unitSettings(text string) map[string][]string {
	settings := map[string][]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		switch {
		case !ok || strings.HasPrefix(name, "#") || strings.HasPrefix(name, ";"):
		case value == "":
			delete(settings, name)
		default:
			settings[name] = append(settings[name], value)
		}
	}
	return settings
}

// tellDifference says what the service has that this process lacks, and how to examine the set-up as
// the service does.
func (u *unit) tellDifference(text, program string, me self) {
	settings := unitSettings(text)
	has := me.lacks(settings)
	if len(has) == 0 {
		return
	}
	command := []string{"sudo", "systemd-run", "--pipe", "--wait", "--collect"}
	for _, name := range []string{"User", "Group", "SupplementaryGroups", "LoadCredential", "LoadCredentialEncrypted", "EnvironmentFile", "StateDirectory"} {
		for _, value := range settings[name] {
			command = append(command, "-p", name+"="+value)
		}
	}
	u.info("agent.unit", "as the service sees it: "+shell.Join(append(command, program, "doctor")...),
		"%s has %s, and this examination has not: of files, devices and PINs it can say only what this user meets", u.kind, strings.Join(has, ", "))
}

// lacks returns what a unit with those settings has besides, in words.
func (me self) lacks(settings map[string][]string) (has []string) {
	if name := last(settings["User"]); name != "" && name != me.user {
		has = append(has, "the user "+name)
	}
	groups := strings.Fields(strings.Join(settings["SupplementaryGroups"], " "))
	if groups = slices.DeleteFunc(groups, func(group string) bool { return slices.Contains(me.groups, group) }); len(groups) > 0 {
		has = append(has, "the groups "+strings.Join(groups, ", "))
	}
	var credentials []string
	for _, value := range slices.Concat(settings["LoadCredential"], settings["LoadCredentialEncrypted"]) {
		name, _, _ := strings.Cut(value, ":")
		credentials = append(credentials, name)
	}
	if len(credentials) > 0 && !me.credentials {
		has = append(has, "the credentials "+strings.Join(credentials, ", "))
	}
	return has
}

// last returns the last of some values; "" without any.
func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// whole returns a unit with its drop-ins; the text of its file where systemd does not tell.
func (u *unit) whole(text string) string {
	if all, err := u.run("cat", "--no-pager", UnitName); err == nil {
		return all
	}
	return text
}
