// Package piv signs with an RSA key in a slot of a PIV smartcard, most often a YubiKey, over
// the computer's own PC/SC service, with no PKCS#11 module in between.
//
//	address, err := pivuri.Parse("piv:serial=12345678;slot=9c")
//	...
//	key, err := piv.Open(ctx, address, piv.Options{PIN: ask})
//	...
//	defer key.Close()
//	signature, err := key.SignSHA512(ctx, message)
//
// Like package hsm it trusts the certificate and not the handle: the public key is
// the certificate's, and no signature leaves the package that it does not verify. It
// refuses to guess which of two cards is meant.
//
// The card is used alone (other programs meet "sharing violation" meanwhile), for as
// long as one login takes, and not while a person is asked for the PIN. Whatever
// VERIFY has unlocked is locked again by a reset of the card at the end.
//
// Reading, signing and writing go through go-piv/piv-go. What it cannot do goes through package pcsc:
// to look whether a card has PIV at all, since piv-go keeps such a card locked until the process
// ends, to reset it, to delete what is on it, and to sign with a card that knows the commands of the
// standard only, which piv-go does not open. Cards of other makers do what they can; for the rest
// package hsm has OpenSC's module.
//
// Without cgo the package works on Windows only; elsewhere every function returns
// hardware.ErrNoCgo.
package piv

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// Errors to branch on, beside those of package hardware. What the card or the PC/SC service
// said is in the text of the error that wraps them.
var (
	// ErrNoService: the PC/SC service (pcscd) or its library is not there.
	ErrNoService = errors.New("the smartcard service cannot be reached")
	// ErrNoCard: no card, or not the one that is named, is in any reader.
	ErrNoCard = errors.New("no such card")
	// ErrNotPIV: the card that is there has no PIV application, or speaks no protocol of ours.
	ErrNotPIV = errors.New("the card cannot be used")
	// ErrBusy: another program has the card and kept it for as long as was waited.
	ErrBusy = errors.New("another program uses the card")
	// ErrRemoved: the card was pulled, or its reader or pcscd went away, on the way.
	ErrRemoved = errors.New("the card was removed")
	// ErrDevice: the card or its reader failed otherwise, or did not answer in time.
	ErrDevice = errors.New("the card does not work")
	// ErrUnsupported: the card's firmware cannot do what is asked.
	ErrUnsupported = errors.New("the card cannot do this")
	// ErrNotAttested, an ErrUnsupported: the card has no attestation of this key, whatever its firmware.
	ErrNotAttested = fmt.Errorf("%w: no attestation", ErrUnsupported)
	// ErrNotTouched: the card waited for a touch and nobody touched it.
	ErrNotTouched = errors.New("nobody touched the card")
	// ErrManagementKey: the card did not take the management key, or none was to be had.
	ErrManagementKey = errors.New("the management key is needed")
)

// Options of all functions. The zero Options are good for keys without a PIN.
type Options struct {
	// PIN is asked when a key wants one. nil: hardware.ErrPINNeeded.
	PIN hardware.PINFunc

	// Slow: PIN asks a person. The card is let go of meanwhile, so that others can
	// use it, and since Windows resets a card that is held idle for 5 seconds.
	Slow bool

	// ManagementKey is asked when the card is written to. nil: the factory key, else
	// the one that the card keeps under its PIN, else ErrManagementKey.
	ManagementKey ManagementKeyFunc

	// Tell is told what a person should know at once. It must not block. nil: nobody.
	Tell func(Notice)

	// Found is told which card it is ("YubiKey 12345678"), before Tell is told of a touch or of the
	// factory's secrets. It must not block. nil: nobody.
	Found func(card string)

	// Certificate is the key's certificate, where the slot does not hold it. nil: it
	// is read from the slot.
	Certificate *x509.Certificate

	// Public is the key's public key for a request, where the card does not tell it and the slot holds no
	// certificate. nil: there is none.
	Public *rsa.PublicKey

	// Time is now, by which certificates are judged. Zero: time.Now().
	Time time.Time

	// Unattended: nobody is there to touch the card. A key that is known to want a touch
	// is ErrNotTouched, instead of a card that blinks at an empty chair.
	Unattended bool

	// Busy is how long to wait for a card that another program has. 0: 5 seconds.
	Busy time.Duration
}

// ManagementKeyFunc returns the management key as bytes, 16, 24 or 32 of them. piv
// overwrites them. An error from it ends the call.
type ManagementKeyFunc func(ctx context.Context, request ManagementKeyRequest) ([]byte, error)

// ManagementKeyRequest says which management key is asked for.
type ManagementKeyRequest struct {
	Card   string // "YubiKey 12345678"
	Serial uint32
}

// Notice is something that a person should know at once.
type Notice int

const (
	// TouchWanted: the card waits for a touch.
	TouchWanted Notice = iota + 1
	// TouchMaybe: the card takes so long that it may wait for a touch.
	TouchMaybe
	// TouchOver: the card has answered, after one of the two above.
	TouchOver
	// CardBusy: another program has the card, and it is waited for.
	CardBusy
	// FactoryPIN: the card took 123456, the PIN that YubiKeys and their like are sold with.
	FactoryPIN
	// FactoryManagementKey: the card took the key that YubiKeys and their like are sold with.
	FactoryManagementKey
)

// Factory is which of the factory's secrets a card still has.
type Factory struct{ PIN, PUK bool }

// Card is a card in a reader.
type Card struct {
	Address  pivuri.URI // with the serial number
	Reader   string     // as the PC/SC service calls it
	Name     string     // "YubiKey 12345678"; of another maker: "CanoKey 12345678", "PIV card"
	Firmware string     // "5.4.3"; "": it has none, for it knows the commands of the standard only
	Identity string     // as in a PIN's request: the serial number, of a card without one its GUID
	Tries    int        // wrong PINs left; 0: blocked; -1: the card does not tell

	// ReadOnly is why neither keys nor certificates are put on it from here, an *OtherMakerError; nil:
	// they are.
	ReadOnly error

	// Untold is why a slot that is not among Keys may hold a key all the same; nil: the card tells of all
	// its keys.
	Untold *UntoldError

	// Keys are those that there is any sign of: the key's own (firmware 4.3 and later)
	// or a certificate.
	Keys []KeyInfo

	// Err is why the card could not be read to its end.
	Err error
}

// KeyInfo is a key in a slot.
type KeyInfo struct {
	Address pivuri.URI

	// Type is "RSA 2048", "EC P-256", "Ed25519", or "unknown" where the card does not
	// tell and there is no certificate.
	Type string

	// Public is nil where the card does not tell: then the certificate's is believed
	// until a signature shows.
	Public crypto.PublicKey

	Certificate *x509.Certificate // nil without

	PIN       PINPolicy
	Touch     TouchPolicy
	Generated bool // made on the card; false: imported, or the card does not tell

	// Problem is why the key cannot log in; nil: it can.
	Problem error
}

// PINPolicy is when a key wants its PIN. "" is unknown.
type PINPolicy string

// The PIN policies of YubiKeys.
const (
	PINNever  PINPolicy = "never"
	PINOnce   PINPolicy = "once"   // for as long as the card is powered and selected
	PINAlways PINPolicy = "always" // for each signature
)

// TouchPolicy is when a key wants a touch. "" is unknown.
type TouchPolicy string

// The touch policies of YubiKeys.
const (
	TouchNever  TouchPolicy = "never"
	TouchAlways TouchPolicy = "always"
	TouchCached TouchPolicy = "cached" // for 15 seconds after the last
)

// KeySpec says what key Generate makes, or how Import puts one on the card.
type KeySpec struct {
	// Bits is 2048, or 3072 or 4096, which need firmware 5.7. Import takes 0, too: those
	// that the key has.
	Bits int

	// PIN and Touch; "": the slot's own policy (always for 9c, never for 9e, once for
	// others), and no touch.
	PIN   PINPolicy
	Touch TouchPolicy

	// Attested: the key will be attested, so a card that cannot do that does not make it.
	Attested bool

	// Before is called when the place is known to be free, right before the key is made: after it
	// there may be a key, whatever happens. Its error ends Generate. Import does not call it. nil:
	// nothing is called.
	Before func() error
}

// Attestation is a card's own word on a key that was made on it.
type Attestation struct {
	// Certificate certifies the key, and holds serial number, firmware and policies.
	Certificate *x509.Certificate

	// Intermediate is the card's, which has signed it.
	Intermediate *x509.Certificate

	// Problem is why the two do not lead to one of Yubico's roots; nil: they do.
	Problem error
}
