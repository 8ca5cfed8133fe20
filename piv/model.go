//go:build cgo || windows

package piv

import (
	"cmp"
	"fmt"
	"slices"

	yubikey "github.com/go-piv/piv-go/v2/piv"

	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// model is which card it is, and what its firmware makes of it.
type model struct {
	maker    string // "": Yubico
	firmware yubikey.Version
	serial   uint32 // 0: it does not tell
	silent   bool   // it does not know GET METADATA, whatever its firmware
	plain    bool   // it is asked the standard's commands only, and has neither firmware nor serial
	onlyT0   bool   // it is plain because it does not speak T=1
	guid     string // of a plain card, in hexadecimal; "": it does not tell

	apart pivuri.URI // what tells it from other cards that are there, beside the serial number
}

// isYubiKey reports whether what Yubico says of its cards holds for this one.
func (m model) isYubiKey() bool { return m.maker == "" }

// name is what a person knows the card by: a YubiKey's number is printed on it, which a reader's
// name is not.
func (m model) name() string {
	name := cmp.Or(m.maker, "YubiKey")
	if m.serial == 0 {
		return name
	}
	return fmt.Sprintf("%s %d", name, m.serial)
}

// described is name with what an address may name it by.
func (m model) described() string {
	if m.serial != 0 || m.guid == "" {
		return m.name()
	}
	return m.name() + " with guid=" + m.guid
}

// identity tells the card from others of its name.
func (m model) identity() string { return cmp.Or(m.guid, fmt.Sprint(m.serial)) }

// address returns the address of a slot of the card; of the card itself for 0.
func (m model) address(slot pivuri.Slot) pivuri.URI {
	address := m.apart
	address.Serial, address.Slot = m.serial, slot
	return address
}

func (m model) version() string {
	if m.plain {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", m.firmware.Major, m.firmware.Minor, m.firmware.Patch)
}

// since reports whether the firmware is of that version or later. What a YubiKey can do is
// told by its firmware alone: asking it would cost a command each time, and old ones
// answer what they do not know in many ways.
func (m model) since(major, minor, patch int) bool {
	have := []int{m.firmware.Major, m.firmware.Minor, m.firmware.Patch}
	return slices.Compare(have, []int{major, minor, patch}) >= 0
}

// hasMetadata reports whether the card tells of its keys, by GET METADATA
// (docs.yubico.com, "Get metadata").
func (m model) hasMetadata() bool { return m.since(5, 3, 0) && !m.silent }

// untold returns why a slot without a certificate, or for 0 any, may hold a key all the same; nil where the
// card would tell of it.
func (m model) untold(slot pivuri.Slot) *UntoldError {
	if m.hasMetadata() {
		return nil
	}
	return &UntoldError{Card: m.address(slot), Name: m.name(), Told: m.attests()}
}

// attests reports whether the card certifies keys that were made on it (developers.yubico.com, "PIV
// attestation").
func (m model) attests() bool { return !m.plain && m.isYubiKey() && m.since(4, 3, 0) }

// writable returns why nothing is put into a slot of the card from here; nil if it is. piv-go asks every card
// of firmware 5.3 for its management key's metadata.
func (m model) writable(slot pivuri.Slot) error {
	switch {
	case m.onlyT0:
		return m.readOnly(slot, "the %s speaks T=0 only, by which keys and certificates are not put on it from here")
	case m.plain:
		return m.readOnly(slot, "the %s knows the commands of the standard only, and keys and certificates are not put on it from here")
	case m.silent && m.since(5, 3, 0):
		return m.readOnly(slot, "%s does not know the command GET METADATA, without which keys and certificates are not put on it from here")
	}
	return nil
}

// keyless marks the error that there is no key, where none is made from here either.
func (m model) keyless(slot pivuri.Slot, err error) error {
	if m.writable(slot) == nil {
		return err
	}
	return &OtherMakerError{Err: err, ReadOnly: true, Slot: slot}
}

// deletesNone is the error of a card that has no command which deletes keys.
func (m model) deletesNone() error {
	if m.isYubiKey() {
		return m.unsupported("deleting keys needs firmware 5.7")
	}
	return m.ofMaker(fmt.Errorf("%w: %s deletes no keys", ErrUnsupported, m.name()))
}

// cannotDelete is the error of a card that does not know how to delete a key.
func (m model) cannotDelete() error {
	return m.ofMaker(fmt.Errorf("%w: %s does not know the command that deletes keys (%s)", ErrUnsupported, m.name(), statusUnknown.code()))
}

// ofMaker marks an error that comes of a card's not being a YubiKey.
func (m model) ofMaker(err error) error {
	if m.isYubiKey() {
		return err
	}
	return &OtherMakerError{Err: err}
}

// readOnly is ofMaker of a card that nothing is put on from here.
func (m model) readOnly(slot pivuri.Slot, format string) error {
	return &OtherMakerError{Err: fmt.Errorf("%w: "+format, ErrUnsupported, m.name()), ReadOnly: true, Slot: slot}
}

// supports returns the key as piv-go wants it, or why the card's firmware cannot make it
// (docs.yubico.com, "PIV: firmware"). Weak keys are those of the library that Infineon
// made for it: their public half gives away the private one (Yubico's security advisory
// YSA-2017-01).
func (m model) supports(spec KeySpec) (yubikey.Key, error) {
	key, err := m.holds(spec)
	if err == nil && m.isYubiKey() && m.since(4, 2, 0) && !m.since(4, 3, 5) {
		err = m.unsupported("its RSA keys are weak (CVE-2017-15361), which firmware 4.3.5 has put right")
	}
	return key, err
}

// holds returns the key as piv-go wants it, or why the card's firmware cannot have it,
// wherever it is made. It is said here, since old firmware ignores what it does not know.
func (m model) holds(spec KeySpec) (yubikey.Key, error) {
	key := yubikey.Key{Algorithm: algorithms[spec.Bits]}
	for number, policy := range pinPolicies {
		if policy == spec.PIN {
			key.PINPolicy = number
		}
	}
	for number, policy := range touchPolicies {
		if policy == spec.Touch {
			key.TouchPolicy = number
		}
	}
	switch {
	case key.PINPolicy == 0:
		return key, fmt.Errorf("PIN policies are never, once and always, not %q", spec.PIN)
	case key.TouchPolicy == 0:
		return key, fmt.Errorf("touch policies are never, always and cached, not %q", spec.Touch)
	}
	return key, m.lacks(spec)
}

// lacks returns what the card's firmware lacks for a key; nil for nothing.
func (m model) lacks(spec KeySpec) error {
	switch {
	case spec.Bits > 2048 && !m.since(5, 7, 0):
		return m.unsupported(fmt.Sprintf("RSA %d needs firmware 5.7", spec.Bits))
	case !m.since(4, 0, 0):
		return m.unsupported("PIN and touch policies need firmware 4.0")
	case spec.Touch == TouchCached && !m.since(4, 3, 0):
		return m.unsupported("a cached touch needs firmware 4.3")
	}
	return nil
}

// unsupported is the error for what the card's firmware lacks.
func (m model) unsupported(lacks string) error {
	return m.ofMaker(fmt.Errorf("%w: %s, and %s has %s", ErrUnsupported, lacks, m.name(), m.version()))
}
