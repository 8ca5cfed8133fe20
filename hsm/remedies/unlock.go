//go:build cgo

package remedies

import (
	"fmt"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
)

// Locked is a token whose PIN is locked.
type Locked struct {
	Module       string // its file
	Maker, Label string // of the token, by its own words
	TPM          bool
}

// Unlocking is what unlocks a PIN.
type Unlocking struct {
	By      string // "its PUK"
	Command string
}

// Unlock returns what unlocks the PIN of a token. PKCS#11 has the security officer for it; cards have a
// PUK, which OpenSC and ykcs11 leave to other tools.
func Unlock(t Locked) Unlocking {
	isCard := slices.ContainsFunc(cardModules, func(part string) bool { return isCalled(t.Module, part) })
	switch {
	case t.TPM:
		return Unlocking{"its owner", "tpm2_dictionarylockout --clear-lockout"}
	case isCard && (isCalled(t.Module, "ykcs11") || t.Maker == pivMaker):
		return Unlocking{"its PUK", "yubico-piv-tool -r '' -a unblock-pin (for a YubiKey also: ykman piv access unblock-pin), which asks for the PUK"}
	case isCard:
		return Unlocking{"its PUK", "pkcs15-tool --unblock-pin --auth-id 01, which asks for the PUK (pkcs15-tool --list-pins shows the id of the PIN)"}
	case isCalled(t.Module, "opencryptoki"):
		return Unlocking{officer, "pkcsconf -t shows the slot, and then: pkcsconf -c SLOT -u"}
	}
	return Unlocking{officer, fmt.Sprintf("%s, or its maker's own tool",
		shell.Join("pkcs11-tool", "--module", t.Module, "--token-label", t.Label, "--login", "--login-type", "so", "--init-pin"))}
}

// officer is who unlocks a PIN by PKCS#11.
const officer = "its security officer"

// pivMaker is what OpenSC calls the maker of PIV cards.
const pivMaker = "piv_II"
