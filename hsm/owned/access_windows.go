package owned

import (
	"errors"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// What others may not do. In Windows' own directories they may make files and directories, which
// are theirs then: in C:\ every user may, and in C:\ProgramData.
const (
	takeOver = windows.ACCESS_MASK(windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER | fileDeleteChild | windows.GENERIC_ALL)
	change   = takeOver | windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.FILE_WRITE_EA | windows.FILE_WRITE_ATTRIBUTES | windows.GENERIC_WRITE
	anything = ^windows.ACCESS_MASK(0)

	fileDeleteChild = 0x40 // FILE_DELETE_CHILD (winnt.h)
)

// Accounts that are the machine's ("Well-known SIDs", Windows).
const (
	system           = "S-1-5-18"
	administrators   = "S-1-5-32-544"
	trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464" // owns Windows' own files

	// These two mean the owner, who is judged anyway.
	creatorOwner = "S-1-3-0"
	ownerRights  = "S-1-3-4"
)

// isTrusted reports whether an account is this user or the machine's: the system, an administrator,
// or what installs Windows.
func isTrusted(who *windows.SID) bool {
	if who == nil {
		return false
	}
	if slices.Contains([]string{system, administrators, trustedInstaller}, who.String()) {
		return true
	}
	self, err := windows.GetCurrentProcessToken().GetTokenUser()
	return err == nil && who.Equals(self.User.Sid)
}

// stranger returns somebody who is not trusted and may do something of what is refused; nil for
// nobody. The error is that of a list which says nothing, or which is not understood.
func stranger(descriptor *windows.SECURITY_DESCRIPTOR, refused windows.ACCESS_MASK) (*windows.SID, error) {
	list, _, err := descriptor.DACL()
	if err == nil && list == nil {
		err = errNoList
	}
	if err != nil {
		return nil, err
	}
	for i := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &entry); err != nil {
			return nil, err
		}
		if who, err := allowed(entry, refused); who != nil || err != nil {
			return who, err
		}
	}
	return nil, nil
}

var (
	errNoList = errors.New("without an access list everybody may do everything")
	errKind   = errors.New("the access list has entries of an unknown kind")
)

// Kinds of entries (winnt.h) that are not in package windows.
const (
	allowedByCallback = 9
	deniedByCallback  = 10
)

// allowed returns who is not trusted and may do something of what is refused, by an entry. What it
// denies to some another one may allow to others, so that is not looked at.
func allowed(entry *windows.ACCESS_ALLOWED_ACE, refused windows.ACCESS_MASK) (*windows.SID, error) {
	if entry.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 || entry.Mask&refused == 0 {
		return nil, nil
	}
	switch entry.Header.AceType {
	case windows.ACCESS_DENIED_ACE_TYPE, deniedByCallback:
		return nil, nil
	case windows.ACCESS_ALLOWED_ACE_TYPE, allowedByCallback:
	default:
		return nil, errKind
	}
	who := (*windows.SID)(unsafe.Pointer(&entry.SidStart))
	if isTrusted(who) || slices.Contains([]string{creatorOwner, ownerRights}, who.String()) {
		return nil, nil
	}
	return who, nil
}

// nameOf names an account for a person.
func nameOf(who *windows.SID) string {
	if who == nil {
		return "an unknown user"
	}
	if account, domain, _, err := who.LookupAccount(""); err == nil {
		return strings.TrimPrefix(domain+`\`+account, `\`) // Everyone has no domain
	}
	return who.String()
}
