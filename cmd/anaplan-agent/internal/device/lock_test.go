package device

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// Two addresses that may be on one device have one lock.
func TestLockName(t *testing.T) {
	name := func(address string) string {
		t.Helper()
		parsed, err := config.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		return LockName(parsed)
	}
	if name("piv:slot=9c") != name("piv:serial=7;slot=9a") {
		t.Error("a card by its number and without have two locks")
	}
	if got := name("pkcs11:token=a?module-path=/nowhere.so"); got != "" {
		t.Errorf("a module that is not there has the lock %q", got)
	}
	path := hsmtest.SoftHSM(t)
	byPath, byName := name("pkcs11:token=a?module-path="+path), name("pkcs11:token=b?module-name=softhsm2")
	if byPath != byName || byPath == "" || byPath == name("piv:") {
		t.Errorf("locks %q and %q", byPath, byName)
	}
}
