//go:build unix

package owned

import (
	"fmt"
	"os/user"
	"strconv"
)

// ownerName names a user for a person.
func ownerName(uid int) string {
	if account, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return fmt.Sprintf("%s (user %d)", account.Username, uid)
	}
	return fmt.Sprintf("user %d", uid)
}

// ownName names this user for a command.
func ownName(uid int) string {
	if account, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return account.Username
	}
	return strconv.Itoa(uid)
}
