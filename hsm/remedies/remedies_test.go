//go:build cgo

package remedies_test

import (
	"os"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/remedies"
)

// TestDevicesPageHasTheInitialisation: the page of devices has the command that a hint has.
func TestDevicesPageHasTheInitialisation(t *testing.T) {
	page, err := os.ReadFile("../../docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	if command := remedies.Initialisation("libtpm2_pkcs11.so", 0); !strings.Contains(string(page), "`"+command+"`") {
		t.Errorf("the page does not have %s", command)
	}
}

// TestUnlock: what unlocks a PIN depends on what holds it, by whatever module.
func TestUnlock(t *testing.T) {
	for _, c := range []struct {
		locked      remedies.Locked
		by, command string
	}{
		{remedies.Locked{Module: "/usr/lib/libtpm2_pkcs11.so", TPM: true}, "its owner", "tpm2_dictionarylockout --clear-lockout"},
		{remedies.Locked{Module: "/usr/lib/p11-kit-client.so", TPM: true}, "its owner", "tpm2_dictionarylockout --clear-lockout"},
		{remedies.Locked{Module: "/usr/lib/opensc-pkcs11.so", Maker: "piv_II"}, "its PUK", "yubico-piv-tool -r '' -a unblock-pin"},
		{remedies.Locked{Module: "/usr/lib/libykcs11.so", Maker: "Yubico (www.yubico.com)"}, "its PUK", "yubico-piv-tool -r '' -a unblock-pin"},
		{remedies.Locked{Module: "/usr/lib/opensc-pkcs11.so", Maker: "MaskTech GmbH"}, "its PUK", "pkcs15-tool --unblock-pin --auth-id 01"},
		{remedies.Locked{Module: "/usr/lib/opencryptoki/libopencryptoki.so"}, "its security officer", "pkcsconf -c SLOT -u"},
		{remedies.Locked{Module: "/opt/a b/module.so", Label: "my token"}, "its security officer", "pkcs11-tool --module '/opt/a b/module.so' --token-label 'my token' --login --login-type so --init-pin"},
	} {
		if got := remedies.Unlock(c.locked); got.By != c.by || !strings.Contains(got.Command, c.command) {
			t.Errorf("%+v: %+v; want by %s: %s", c.locked, got, c.by, c.command)
		}
	}
}
