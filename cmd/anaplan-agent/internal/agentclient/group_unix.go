//go:build unix

package agentclient

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// groupOf names the group that may connect to a socket which not everybody may; "" for none.
func groupOf(socket string) string {
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm()&0o020 == 0 {
		return ""
	}
	group, err := user.LookupGroupId(strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Gid)))
	if err != nil {
		return ""
	}
	return group.Name
}

// userName names this user, as usermod takes it.
func userName() string {
	if self, err := user.Current(); err == nil && self.Username != "" {
		return self.Username
	}
	return "NAME"
}
