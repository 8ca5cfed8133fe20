//go:build unix

package owned

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// adminGroup is macOS's group of users who may become root (sudoers has it). It owns Homebrew's
// directories.
const adminGroup = 80

// isPrivate reports whether nobody is in the group but this user and root. Its members are read
// from the files of the machine. Where directories such as LDAP have users, too, these are not all
// of them, so it must be root's group, or have this user's name.
func isPrivate(etc string, gid, self int) bool {
	if runtime.GOOS == "darwin" { // its files have few of its users
		return gid == 0 || gid == adminGroup
	}
	group := entry(etc+"/group", 2, strconv.Itoa(gid))
	if group == nil {
		return false
	}
	names := accountNames(etc, self)
	for member := range strings.SplitSeq(group[len(group)-1], ",") {
		if member != "" && !slices.Contains(names, member) {
			return false
		}
	}
	switch {
	case gid == 0: // that is also the first group of some of the system's own users, who do nothing
		return true
	case !slices.Contains(names, group[0]) && !onlyFiles(etc):
		return false
	}
	for fields := range entries(etc+"/passwd", 7) {
		if fields[3] == strconv.Itoa(gid) && !slices.Contains(names, fields[0]) {
			return false
		}
	}
	return true
}

// accountNames are this user's and root's.
func accountNames(etc string, self int) (names []string) {
	for _, uid := range []int{0, self} {
		if fields := entry(etc+"/passwd", 2, strconv.Itoa(uid)); fields != nil {
			names = append(names, fields[0])
		} else {
			names = append(names, ownName(uid))
		}
	}
	return names
}

// onlyFiles reports whether the machine knows no users and groups but those of its files
// (nsswitch.conf(5)).
func onlyFiles(etc string) bool {
	data, err := os.ReadFile(etc + "/nsswitch.conf")
	if err != nil {
		return os.IsNotExist(err)
	}
	for line := range strings.Lines(string(data)) {
		database, sources, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(database) {
		case "passwd", "group", "initgroups":
		default:
			continue
		}
		for _, source := range strings.Fields(sources) {
			if !slices.Contains([]string{"files", "systemd", "compat"}, source) {
				return false
			}
		}
	}
	return true
}

// entry returns the fields of the line with that value in a field; nil if there is none.
func entry(path string, field int, value string) []string {
	for fields := range entries(path, field+1) {
		if fields[field] == value {
			return fields
		}
	}
	return nil
}

// entries yields the lines of a file such as /etc/passwd that have so many fields.
func entries(path string, least int) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		data, err := os.ReadFile(path)
		if err != nil {
			return
		}
		for line := range strings.Lines(string(data)) {
			fields := strings.Split(strings.TrimSpace(line), ":")
			if len(fields) >= least && !yield(fields) {
				return
			}
		}
	}
}
