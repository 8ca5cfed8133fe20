package guide

// Which of the devices that were found to offer: one card or token once, however many modules show it,
// and none of which it is known that no key can be made there.

import (
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
)

// openSCsPIV is what OpenSC calls the maker of each PIV card.
const openSCsPIV = "piv_II"

// offer returns the devices to choose from, and says which others there are, and why not.
func (c chooser) offer(found []foundDevice) []foundDevice {
	offered, useless := sift(found, c.reuse)
	for _, d := range useless {
		c.tell("  (no key can be made by this module: %s; one that is there gets its request by: %s enroll --reuse-key)", d.text, build.Program)
	}
	return offered
}

// sift divides devices into those to offer and those of no use for a new key; what was shown by another
// module before is in neither.
func sift(found []foundDevice, reuse bool) (offered, useless []foundDevice) {
	cards := slices.DeleteFunc(slices.Clone(found), func(d foundDevice) bool { return !device.IsCard(d.address) })
	behindOpenSC := map[string]int{} // how many PIV cards, by module
	for i, d := range found {
		if d.maker == openSCsPIV {
			behindOpenSC[d.module]++
		}
		switch {
		case slices.ContainsFunc(found[:i], d.isAgain), d.maker == openSCsPIV && behindOpenSC[d.module] <= len(cards):
		case !reuse && !d.makesKeys():
			useless = append(useless, d)
		default:
			offered = append(offered, d)
		}
	}
	return offered, useless
}

// isAgain reports whether another device is this one, shown by another module: p11-kit's proxy shows
// what all others have, and Yubico's the cards, under the numbers that are printed on them.
func (d foundDevice) isAgain(other foundDevice) bool {
	if device.IsCard(d.address) || d.serial == "" || d.serial != other.serial {
		return false
	}
	if device.IsCard(other.address) {
		return d.isYubicos()
	}
	return d.module != other.module && d.label == other.label && d.maker == other.maker
}

func (d foundDevice) isYubicos() bool { return strings.Contains(strings.ToLower(d.module), "ykcs11") }

// makesKeys reports whether the device may make a key for this program: OpenSC only reads PIV cards, and
// Yubico's module wants the management key in the PIN's place.
func (d foundDevice) makesKeys() bool {
	return !d.readOnly && d.maker != openSCsPIV && !d.isYubicos()
}
