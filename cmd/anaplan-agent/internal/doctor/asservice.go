package doctor

// What the service of the machine has and this process has not: its user, groups and credentials.

import (
	"cmp"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/asservice"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
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

// tellDifference says what the service has that this process lacks, which file it reads, and how to
// examine the set-up as the service does.
func (u *unit) tellDifference(of *asservice.Unit, config string, me self) {
	const do = "as the service sees it: sudo " + build.Program + " as-service doctor"
	if theirs := of.ConfigFile(); theirs != "" && theirs != config {
		u.warn("agent.config", do, "this command reads %s, and %s reads %s", cmp.Or(config, "no configuration file"), u.kind, theirs)
	} else if theirs != "" {
		u.ok("agent.config", "%s reads %s, as this command does", u.kind, theirs)
	}
	if has := me.lacks(of); len(has) > 0 {
		u.info("agent.unit", do, "%s has %s, and this examination has not: of files, devices and PINs it can say only what this user meets", u.kind, strings.Join(has, ", "))
	}
}

// lacks returns what a service has besides, in words.
func (me self) lacks(of *asservice.Unit) (has []string) {
	if name := of.User(); name != "" && name != me.user {
		has = append(has, "the user "+name)
	}
	groups := slices.DeleteFunc(of.Groups(), func(group string) bool { return slices.Contains(me.groups, group) })
	if len(groups) > 0 {
		has = append(has, "the groups "+strings.Join(groups, ", "))
	}
	if credentials := of.Credentials(); len(credentials) > 0 && !me.credentials {
		has = append(has, "the credentials "+strings.Join(credentials, ", "))
	}
	return has
}
