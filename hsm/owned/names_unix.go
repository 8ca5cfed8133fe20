//go:build unix

package owned

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Other returns the user whose a file is, for a person and for a command; "" if it is this user's own.
func Other(path string) (person, command string) {
	info, err := os.Stat(path)
	if err != nil {
		return "", ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() {
		return "", ""
	}
	return ownerName(int(stat.Uid)), ownName(int(stat.Uid))
}

// ownerName names a user for a person.
func ownerName(uid int) string {
	if account, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return fmt.Sprintf("%s (user %d)", account.Username, uid)
	}
	return fmt.Sprintf("user %d", uid)
}

// ownName names a user for a command.
func ownName(uid int) string {
	if account, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return account.Username
	}
	return strconv.Itoa(uid)
}
