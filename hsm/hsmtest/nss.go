//go:build cgo

package hsmtest

// #include <stdlib.h>
import "C"

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/miekg/pkcs11"
)

// NSS returns the path of the softoken, the module of Firefox and its kin.
func NSS(t testing.TB) string {
	t.Helper()
	return Library(t, "nss",
		"/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
		"/usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so",
		"/usr/lib/aarch64-linux-gnu/libsoftokn3.so",
		"/usr/lib64/libsoftokn3.so")
}

// NewNSSToken returns a database of NSS in the test's own directory, labelled "test". It
// has a PIN, as Firefox's with a primary password.
func NewNSSToken(t testing.TB) *Token {
	t.Helper()
	token := &Token{Module: NSS(t), Label: "test", PIN: userPIN}
	token.start = fmt.Sprintf("configdir='sql:%s' dbTokenDescription='%s'", t.TempDir(), token.Label)
	withModule(t, token, func(p *pkcs11.Ctx) {
		slots, err := p.GetSlotList(true)
		check(t, "C_GetSlotList", err)
		// NSS has two slots: the first for work without keys of its own, the second for the
		// database.
		slot := slots[len(slots)-1]
		session, err := p.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		check(t, "C_OpenSession", err)
		// Before there is a PIN its officer has none, either.
		check(t, "C_Login", p.Login(session, pkcs11.CKU_SO, ""))
		check(t, "C_InitPIN", p.InitPIN(session, userPIN))
		info, err := p.GetTokenInfo(slot)
		check(t, "C_GetTokenInfo", err)
		token.Serial = info.SerialNumber
	})
	withModule(t, token, func(p *pkcs11.Ctx) { token.Slot = slotOf(t, p, token) })
	return token
}

// cString returns text as a C string, which the module may keep.
func cString(text string) unsafe.Pointer { return unsafe.Pointer(C.CString(text)) }
