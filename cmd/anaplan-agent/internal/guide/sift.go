package guide

// Which of the devices that were found to offer: one card or token once, however many modules show it,
// and none of which it is known that no key can be made there.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
)

// openSCsPIV is what OpenSC calls the maker of each PIV card.
const openSCsPIV = "piv_II"

// tellUseless says which devices are not offered, and what does make a key there.
func (c chooser) tellUseless(useless []foundDevice) {
	if len(useless) > 0 {
		c.tell("  No key can be made from here on:")
	}
	for _, d := range useless {
		c.tell("    %s; %s", d.text, d.elsewhere())
	}
}

// elsewhere says how there comes to be a key on a device where none is made from here.
func (d foundDevice) elsewhere() string {
	if device.IsCard(d.address) {
		return fmt.Sprintf("what another program has to do: %s keys --key %s", build.Program, shell.Word(d.address.String()))
	}
	return "the request for a key that is there: " + build.Program + " enroll --reuse-key"
}

// sift divides devices into those to offer and those of no use for a new key; what was shown by another
// module before is in neither.
func sift(found []foundDevice, reuse bool) (offered, useless []foundDevice) {
	cards := slices.DeleteFunc(slices.Clone(found), func(d foundDevice) bool { return !device.IsCard(d.address) })
	behind := map[string]int{} // how many PIV cards, by module
	for i, d := range found {
		if d.isPIV() {
			behind[d.module]++
		}
		switch {
		case slices.ContainsFunc(found[:i], d.isAgain), d.isPIV() && behind[d.module] <= len(cards):
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

// isPIV reports whether the device is a PIV card behind a module. Yubico's shows cards of other makers, too, in
// readers of Yubico's.
func (d foundDevice) isPIV() bool { return d.maker == openSCsPIV || d.isYubicos() }

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
	return !d.readOnly && !d.isPIV()
}
