// Package pivuri reads and writes the addresses of keys on PIV cards:
//
//	piv:serial=12345678;slot=9c
//
// They are written like the PKCS#11 URIs of RFC 7512. All parts may be left out:
// a piv:slot=9c is that slot of the only card that is there, and piv: any card.
// Cards that are not YubiKeys have no serial number that they tell. Where there are several, each
// is told from the others by its GUID or, if that says nothing, by its reader:
//
//	piv:guid=6ad2d4f4f5b64f5d8c02d4f7a1b0c9e3;slot=9c
//	piv:reader=Alcor%20Micro%20AU9560%2000%2000;slot=9c
//
// The package knows texts only and opens nothing.
package pivuri

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Scheme is what addresses begin with, before the colon.
const Scheme = "piv"

// scheme is Scheme with the colon.
const scheme = Scheme + ":"

// URI names a key on a PIV card. The zero URI is "piv:". URIs are compared by ==.
type URI struct {
	// Serial is the card's serial number, as it is printed on a YubiKey; 0: not named.
	Serial uint32

	// GUID is what a card without a serial number has in its place (NIST SP 800-73-4 part 1, table 9):
	// 32 hexadecimal digits, small ones; "": not named.
	GUID string

	// Reader is the name of the reader that the card is in, as the PC/SC service has it; "": not named.
	Reader string

	// Slot is where the key is; 0: not named.
	Slot Slot
}

// Parse reads an address. The scheme is taken in any case (RFC 3986 section 3.1), as are
// slots. An error says which part is wrong and how it should be.
func Parse(text string) (URI, error) {
	rest, ok := cutScheme(text)
	if !ok {
		return URI{}, fmt.Errorf("%q is not the address of a PIV key, which looks like piv:serial=12345678;slot=9c", shown(text))
	}
	var u URI
	if rest == "" {
		return u, nil
	}
	if strings.ContainsAny(rest, "?&") {
		return URI{}, fmt.Errorf("address %q: it ends after the slot; where the PIN comes from is said by the setting pin", shown(text))
	}
	for part := range strings.SplitSeq(rest, ";") {
		if err := u.set(part); err != nil {
			return URI{}, fmt.Errorf("address %q: %w", shown(text), err)
		}
	}
	return u, nil
}

// shown returns as much of an address as an error may show: nothing from what looks
// like the name of a PIN on, since people who know PKCS#11 URIs put the PIN behind it.
func shown(text string) string {
	for at := range text {
		if rest := text[at:]; len(rest) > len("pin") && strings.EqualFold(rest[:len("pin")], "pin") {
			return text[:at] + "..."
		}
	}
	return text
}

// Is reports whether text is meant as an address of this kind.
func Is(text string) bool {
	_, ok := cutScheme(text)
	return ok
}

// cutScheme returns what follows the scheme.
func cutScheme(text string) (rest string, ok bool) {
	if len(text) < len(scheme) || !strings.EqualFold(text[:len(scheme)], scheme) {
		return "", false
	}
	return text[len(scheme):], true
}

// set takes one "name=value". A name twice is a mistake, for only one of the two can
// be meant.
func (u *URI) set(part string) (err error) {
	name, value, _ := strings.Cut(part, "=")
	if _, named := u.Get(name); named {
		return fmt.Errorf("%s is there twice", name)
	}
	switch name {
	case "serial":
		u.Serial, err = parseSerial(value)
	case "guid":
		u.GUID, err = parseGUID(value)
	case "reader":
		u.Reader, err = parseReader(value)
	case "slot":
		u.Slot, err = ParseSlot(value)
	default:
		err = fmt.Errorf("%q is not serial=NUMBER, slot=9c, guid=HEX or reader=NAME", shown(part))
	}
	return err
}

// parseGUID reads 16 bytes in hexadecimal, with the hyphens that some programs write or without.
func parseGUID(text string) (string, error) {
	guid := strings.ToLower(strings.ReplaceAll(text, "-", ""))
	if bytes, err := hex.DecodeString(guid); err != nil || len(bytes) != 16 {
		return "", fmt.Errorf("guid %q is not 32 hexadecimal digits", text)
	}
	return guid, nil
}

// parseReader reads a name as addresses have it.
func parseReader(text string) (string, error) {
	name, err := url.PathUnescape(text)
	if err != nil || name == "" || strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("reader %q is not the name of a reader, with %%20 for a blank", text)
	}
	return name, nil
}

// NamesCard reports whether the address says which card it is.
func (u URI) NamesCard() bool { return u.Serial != 0 || u.GUID != "" || u.Reader != "" }

// parseSerial reads a serial number: decimal, as on the card's back.
func parseSerial(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("serial %q is not a number from 1 to 4294967295, as printed on the card", text)
	}
	return uint32(n), nil
}

// String returns the address, ready for Parse.
func (u URI) String() string {
	var parts []string
	for _, name := range []string{"serial", "guid", "reader", "slot"} {
		if value, named := u.Get(name); named {
			parts = append(parts, name+"="+escaped(value))
		}
	}
	return scheme + strings.Join(parts, ";")
}

// escaped returns a value as addresses have it.
func escaped(value string) string { return strings.ReplaceAll(url.PathEscape(value), "&", "%26") }

// Scheme returns Scheme.
func (u URI) Scheme() string { return Scheme }

// Get returns the serial, guid, reader or slot, not escaped, and whether the address has it.
func (u URI) Get(name string) (value string, named bool) {
	switch {
	case name == "serial" && u.Serial != 0:
		return strconv.FormatUint(uint64(u.Serial), 10), true
	case name == "guid" && u.GUID != "":
		return u.GUID, true
	case name == "reader" && u.Reader != "":
		return u.Reader, true
	case name == "slot" && u.Slot != 0:
		return u.Slot.String(), true
	}
	return "", false
}

// Slot is a key slot of a PIV card, by its key reference (NIST SP 800-73-4 part 1,
// table 4b).
type Slot byte

// The slots that hold a key for signing. The retired ones are 0x82 to 0x95.
const (
	Authentication     Slot = 0x9a
	Signature          Slot = 0x9c
	KeyManagement      Slot = 0x9d
	CardAuthentication Slot = 0x9e
	firstRetired       Slot = 0x82
	lastRetired        Slot = 0x95
)

// Slots returns all slots, in the order in which people list them: the four of the
// standard first.
func Slots() []Slot {
	slots := []Slot{Authentication, Signature, KeyManagement, CardAuthentication}
	for s := firstRetired; s <= lastRetired; s++ {
		slots = append(slots, s)
	}
	return slots
}

// ParseSlot reads a slot: two hexadecimal digits.
func ParseSlot(text string) (Slot, error) {
	n, err := strconv.ParseUint(text, 16, 8)
	slot := Slot(n)
	if err != nil || len(text) != 2 || !slot.valid() {
		return 0, fmt.Errorf("slot %q is not one of 9a, 9c, 9d, 9e and 82 to 95", text)
	}
	return slot, nil
}

// valid reports whether s is one of Slots.
func (s Slot) valid() bool {
	switch s {
	case Authentication, Signature, KeyManagement, CardAuthentication:
		return true
	}
	return firstRetired <= s && s <= lastRetired
}

// Retired reports whether s is one of the twenty slots for retired key management
// keys, which are as good as others for signing.
func (s Slot) Retired() bool { return firstRetired <= s && s <= lastRetired }

// String returns the slot as it stands in addresses: "9c".
func (s Slot) String() string { return fmt.Sprintf("%02x", byte(s)) }
