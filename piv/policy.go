package piv

import (
	"cmp"

	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// WantsPIN reports whether the key signs only with a PIN, as far as is known. Where the
// card does not tell, its slot's policy is the likeliest: a PIN that was not needed does
// no harm, and a key that wanted one says so when it signs.
func (k KeyInfo) WantsPIN() bool {
	return cmp.Or(k.PIN, slotPolicy(k.Address.Slot)) != PINNever
}

// slotPolicy is the PIN policy that a slot's keys have unless somebody wants another
// (docs.yubico.com, "PIN and touch policies").
func slotPolicy(slot pivuri.Slot) PINPolicy {
	switch slot {
	case pivuri.Signature:
		return PINAlways
	case pivuri.CardAuthentication:
		return PINNever
	}
	return PINOnce
}
