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
	ranges, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && isOverflow(uid) && !isMapped(string(ranges), uid)
}

// isOverflow reports whether it is the number that users without one seem to have.
func isOverflow(uid int) bool {
	overflow, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	return err == nil && strings.TrimSpace(string(overflow)) == strconv.Itoa(uid)
}

// inNamespace reports whether this user namespace is not the machine's own, which has all numbers.
func inNamespace() bool {
	ranges, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(ranges)), " ") != "0 0 4294967295"
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
