//go:build !windows

package local

import "os/user"

// NameOf names a user for a person: by the account's name, or the number of one that has none, by
// which it is known in the audit log as well.
func NameOf(number string) string {
	if account, err := user.LookupId(number); err == nil && account.Username != "" {
		return account.Username
	}
	return number
}
