package owned

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// hasACL reports whether a file has an access control list, of which its group's bits are the mask
// (acl(5)).
func hasACL(path string) bool {
	_, err := unix.Lgetxattr(path, "system.posix_acl_access", nil)
	return !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.EOPNOTSUPP)
}

// isUnmapped reports whether the number stands for all users who have none in this user namespace
// (user_namespaces(7)).
func isUnmapped(uid int) bool {
	overflow, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if err != nil || strings.TrimSpace(string(overflow)) != strconv.Itoa(uid) {
		return false
	}
	ranges, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	return !isMapped(string(ranges), uid)
}

// isMapped reports whether a user namespace with these ranges has that number.
func isMapped(ranges string, uid int) bool {
	for line := range strings.Lines(ranges) {
		var inside, outside, count int
		if _, err := fmt.Sscan(line, &inside, &outside, &count); err != nil || uid >= inside && uid-inside < count {
			return true
		}
	}
	return false
}
