package pin

// What a PIN is asked for, in one form for tokens and cards, which tell different
// things: a token that the last PIN was wrong, a card how many tries are left.

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// Request says for what a PIN is asked. Its texts hold labels of tokens, which are
// foreign, so they are quoted already.
type Request struct {
	device   Device
	question string // what to ask a person
	lastTry  string // what one more wrong PIN does; "": there are more tries, or their number is not known
	own      bool   // a key's, which may be another than the device's, so it is not kept
	pinPad   bool   // it is typed on the device
	source   string // the address's pin-source; "" without

	counter hardware.PINCounter
	unnamed string             // the address, if it does not name the device
	check   func([]byte) error // what else cannot be a PIN of this device; nil: nothing
}

// owner names the note of whose PIN the source has; "" where the address says so.
func (r Request) owner(source config.PINSource) string {
	if r.unnamed == "" {
		return ""
	}
	return ownerName(r.unnamed, nameOf(source))
}

// identity tells what wants the PIN from everything else that may: a device, or a key that
// has a PIN of its own.
func (r Request) identity() string {
	name := r.device.String()
	if r.device.Kind != "" {
		name = "token of " + r.device.Kind
	}
	return fmt.Sprintf("%s %q own=%v", name, r.device.Serial, r.own)
}

// Device is what tells tokens and cards apart. A token's label alone does not: of
// a pair of HSMs both often have the same, and a PIN of its own each. Nor does it stay: OpenSC makes the
// label of a PIV card of the name in its first certificate.
type Device struct {
	Label  string `json:"label"`
	Serial string `json:"serial"`
	Kind   string `json:"kind,omitempty"` // see hardware.PINRequest
	Card   bool   `json:"card,omitempty"`
}

// isSame reports whether a note about a device is about the one that is there now. Notes of older
// versions have no kind.
func (d Device) isSame(now Device) bool {
	switch {
	case d.Card != now.Card || d.Serial != now.Serial:
		return false
	case now.Kind == "":
		return d.Label == now.Label
	}
	return d.Kind == "" || d.Kind == now.Kind
}

// beside returns the name for a person who is told of another device as well.
func (d Device) beside(other Device) string {
	switch {
	case d.Label != other.Label:
		return d.String()
	case d.Serial != other.Serial:
		return fmt.Sprintf("%s (serial number %s)", d, cmp.Or(d.Serial, "none"))
	}
	return fmt.Sprintf("%s (%s)", d, d.Kind)
}

// String returns the name for a person.
func (d Device) String() string {
	if d.Card {
		return d.Label
	}
	return fmt.Sprintf("token %q", d.Label)
}

// named is how an address names the device; "" where it cannot: a card by its number only, or the
// GUID of one without, which not all have. A number of zeros is what modules tell that know of none
// (OpenSC, NSS).
func (d Device) named() string {
	switch {
	case !d.isNumbered():
		return ""
	case !d.Card:
		return "serial=" + d.Serial
	}
	for _, name := range []string{"serial=", "guid="} {
		if _, err := pivuri.Parse(pivuri.Scheme + ":" + name + d.Serial); err == nil {
			return name + d.Serial
		}
	}
	return ""
}

// ForToken returns the PINFunc for the token of an address.
func (a *Asker) ForToken(address uri.URI) hardware.PINFunc {
	_, label := address.Get("token")
	_, serial := address.Get("serial")
	unnamed := ""
	if !label && !serial {
		unnamed = address.String()
	}
	return a.asking(tokenRequest, unnamed)
}

// ForCard returns the PINFunc for the card of an address. All that name no card are one: each fits
// any card. Into a reader any card may be put, too.
func (a *Asker) ForCard(address pivuri.URI) hardware.PINFunc {
	unnamed := ""
	if address.Serial == 0 && address.GUID == "" {
		unnamed = pivuri.URI{Reader: address.Reader}.String()
	}
	return a.asking(cardRequest, unnamed)
}

// asking returns the PINFunc for devices of a kind. unnamed is the address, if it does not name
// the device.
func (a *Asker) asking(requestOf func(hardware.PINRequest) Request, unnamed string) hardware.PINFunc {
	return func(ctx context.Context, r hardware.PINRequest) (hardware.PIN, error) {
		request := requestOf(r)
		request.unnamed = unnamed
		return a.ask(ctx, request)
	}
}

// newRequest is what the requests of tokens and cards have in common.
func newRequest(r hardware.PINRequest, card bool) Request {
	return Request{
		device: Device{Label: r.Device, Serial: r.Serial, Kind: r.Kind, Card: card},
		own:    r.Own, pinPad: r.PINPad, source: r.Source, counter: r.Counter,
	}
}

// tokenRequest is a token's request. A key may have a signature PIN of its own
// (CKU_CONTEXT_SPECIFIC, PKCS#11 section 5.6): the token's would cost a try of it.
func tokenRequest(r hardware.PINRequest) Request {
	request := newRequest(r, false)
	request.question = fmt.Sprintf("PIN for %s", request.device)
	if r.Own {
		request.question = fmt.Sprintf("PIN for key %q on %s (it asks at each signature)", r.Key, request.device)
	}
	switch r.Counter.State {
	case hardware.PINLow:
		request.question += " (the last PIN was wrong; the token may lock after a few)"
	case hardware.PINFinalTry: // CKF_USER_PIN_FINAL_TRY, PKCS#11 section 3.2
		request.question += " (LAST TRY)"
		request.lastTry = fmt.Sprintf("locks %s", request.device)
	}
	return request
}

// CheckCard refuses what cannot be a card's PIN: the card would count it. It is most often
// a PUK, or the PIN of FIDO2, which may be longer.
func CheckCard(pin []byte) error {
	if len(pin) < 6 || len(pin) > 8 {
		return ErrLength
	}
	return nil
}

// ErrLength says that a PIN cannot be that of a PIV card (NIST SP 800-73-4 part 2,
// section 2.4.3).
var ErrLength = errors.New("it was not sent, for it cannot be the card's: PINs of PIV cards have 6 to 8 characters")

// cardRequest is a card's request. A card has one PIN for all of its keys, so
// one that was typed for one slot serves another.
func cardRequest(r hardware.PINRequest) Request {
	request := newRequest(r, true)
	request.check = CheckCard
	request.question = "PIN for " + r.Device
	if r.Key != "" {
		request.question += ", slot " + r.Key
	}
	switch {
	case r.Counter.State == hardware.PINFinalTry:
		request.question += " (LAST TRY)"
		request.lastTry = fmt.Sprintf("blocks the PIN of %s, which then only the PUK unblocks", r.Device)
	case r.Counter.Tries > 1:
		request.question += fmt.Sprintf(" (%d tries left)", r.Counter.Tries)
	}
	return request
}
