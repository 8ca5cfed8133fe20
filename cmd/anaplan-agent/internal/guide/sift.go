package guide

// Which of the devices that were found to offer: one card or token once, however many modules show it,
// and none of which it is known that no key can be made there.

import (
	"cmp"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
)

// openSCsPIV is what OpenSC calls the maker of each PIV card.
const openSCsPIV = "piv_II"

// offer returns the devices to choose from, and says which others there are, and why not.
func (c chooser) offer(found []foundDevice) []foundDevice {
	offered, useless := sift(found, c.reuse)
	for _, d := range useless {
		if device.IsCard(d.address) {
			c.tell("  (no key can be made on it from here: %s; what makes one, says: %s keys --key %s)", d.text, build.Program, shell.Quote(d.address.String()))
			continue
		}
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
		case !reuse && !d.makesKeys() && !d.hasOnlyKeys():
			useless = append(useless, d)
		default:
			offered = append(offered, d)
		}
	}
	if !reuse { // the first is what Enter chooses
		slices.SortStableFunc(offered, func(a, b foundDevice) int { return cmp.Compare(len(a.onlyKeys()), len(b.onlyKeys())) })
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

// hasOnlyKeys reports whether the device is a card that makes no key for this program and has some, of
// which one will do.
func (d foundDevice) hasOnlyKeys() bool { return len(d.onlyKeys()) > 0 }

// onlyKeys are the keys of such a card; nil of other devices.
func (d foundDevice) onlyKeys() []string {
	if !d.readOnly || !device.IsCard(d.address) {
		return nil
	}
	return d.taken
}

// makesKeys reports whether the device may make a key for this program: OpenSC only reads PIV cards, and
// Yubico's module wants the management key in the PIN's place.
func (d foundDevice) makesKeys() bool {
	return !d.readOnly && d.maker != openSCsPIV && !d.isYubicos()
}
