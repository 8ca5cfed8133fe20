package hardware

import (
	"context"
	"errors"
)

// PINFunc returns the PIN. It is called at most once for each PIN that a device asks for, never
// again after a refusal. An error from it ends the call, and wraps ErrPINNeeded where no PIN
// can be had.
type PINFunc func(ctx context.Context, request PINRequest) (PIN, error)

// PINRequest says for what a PIN is asked.
type PINRequest struct {
	// Device is what a person knows the device by: the label of a token, "YubiKey 12345678".
	Device string

	// Serial is the device's serial number.
	Serial string

	// Kind is the maker and the model of a token whose serial number is its alone among these: it is
	// known by them, whatever Device says, which may change. "" where Device counts as well.
	Kind string

	// Counter is the counter before the try. At PINFinalTry the caller should ask its user
	// whether to go on. Devices that are locked are not asked for.
	Counter PINCounter

	// Key is the key that the PIN is wanted for: its name on a token, its slot on a card;
	// "" for none in particular.
	Key string

	// Own: the PIN may be another than the device's, and is for one signature by Key
	// (CKA_ALWAYS_AUTHENTICATE). No card has such keys.
	Own bool

	// PINPad: the PIN is typed on the device. Tell the person, and return nothing.
	PINPad bool

	// Source is the address's pin-source attribute (RFC 7512), as it stands; "" without one.
	Source string
}

// PIN is a PIN as a PINFunc gives it.
type PIN struct {
	// Value is what the device gets. It is overwritten after use. nil where the PIN is typed
	// on the device.
	Value []byte

	// Guard is called each time that the PIN is about to go to the device: at the login, for a
	// signature that wants it again, for a write. It calls send once or not at all, and returns
	// its error or one of its own, which ends the call. So its owner can write down that the
	// PIN is on its way before it is, and what became of it: the process may end in between.
	// nil: the PIN is sent.
	//
	// send returns nil if the device took the PIN; a *PINError if it did not; ErrPINNotSent if
	// the PIN never left; ErrPINNotRead if the device did not look at it; ErrPINUnproven if
	// the device says that it did take it, and nothing else does; and a *PINUnclearError for
	// every other answer. It does not return while the device is mute.
	//
	// secret says which of the device's secrets the PIN is sent as.
	Guard func(secret Secret, send func() error) error

	// Proved is called when a signature has shown that the device took a PIN of which that was
	// not proven. nil: nobody is told.
	Proved func()
}

// Secret is one of those that a device compares a PIN with.
type Secret int

const (
	// DevicePIN is the device's (of a token CKU_USER).
	DevicePIN Secret = iota
	// KeyPIN is a key's, for one signature (CKU_CONTEXT_SPECIFIC). It is mostly the same.
	KeyPIN
)

// Errors of a PIN's way to the device, which only a Guard sees.
var (
	// ErrPINNotSent: the call ended before the PIN left, for the reason that the error tells.
	ErrPINNotSent = errors.New("the PIN was not sent")
	// ErrPINNotRead: somebody is logged in already, so the device has not looked at the PIN.
	ErrPINNotRead = errors.New("somebody is logged in already, and the PIN was not looked at")
	// ErrPINUnproven: the module says that it took the PIN. What it says about who is logged in
	// cannot be read, or is the same without a login.
	ErrPINUnproven = errors.New("the module says that it has taken the PIN, and shows nothing by which that can be told")
)

// Send sends the PIN by its guard. That nobody had to look at it is as good as a login, and
// what is not proven will show.
func (p PIN) Send(secret Secret, send func() error) (err error) {
	if p.Guard == nil {
		err = send()
	} else {
		err = p.Guard(secret, send)
	}
	if errors.Is(err, ErrPINNotRead) || errors.Is(err, ErrPINUnproven) {
		return nil
	}
	return err
}

// PINError says that the device did not take a PIN, or takes none any more. It is final: the
// same PIN must not be sent again.
type PINError struct {
	// Text says what a person has to know: which device, what it said, with the code in
	// parentheses, and what is left. It holds no PIN.
	Text string

	// Locked: no PIN helps before somebody unlocks the device.
	Locked bool

	// Unlock is what to type to unlock a device that is locked; "": its maker's tool does it, whichever that is.
	Unlock string

	// ResetOnly: nobody can unlock it either, and only a reset helps, which erases its keys.
	ResetOnly bool

	// Counter is the counter after the refusal, as far as the device tells.
	Counter PINCounter
}

func (e *PINError) Error() string { return e.Text }

// PINUnclearError says that a PIN was sent, and that what came back does not tell whether the
// device took it, or counted it as a wrong one.
type PINUnclearError struct {
	// Device is "token" or "card".
	Device string

	// Before and After are the counter before and after the PIN, as far as it was told.
	Before, After PINCounter

	// Err is what came back, in words.
	Err error
}

func (e *PINUnclearError) Error() string {
	if e.Before.Exact && e.Before == e.After {
		return e.Err.Error() + "; the " + e.Device + " has not counted that as a wrong PIN"
	}
	return e.Err.Error() + "; whether the " + e.Device + " took the PIN is not known"
}

// Unwrap returns what came back.
func (e *PINUnclearError) Unwrap() error { return e.Err }
