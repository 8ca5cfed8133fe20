package listen_test

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// entryOf returns an entry of a list, which must be one that allows.
func entryOf(t *testing.T, list *windows.ACL, i uint32) (sid string, mask windows.ACCESS_MASK) {
	t.Helper()
	var entry *windows.ACCESS_ALLOWED_ACE
	if err := windows.GetAce(list, i, &entry); err != nil {
		t.Fatal(err)
	}
	if entry.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE {
		t.Fatalf("entry %d is of type %d", i, entry.Header.AceType)
	}
	return (*windows.SID)(unsafe.Pointer(&entry.SidStart)).String(), entry.Mask
}
