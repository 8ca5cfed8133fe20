//go:build cgo || windows

package piv

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// A PIN is the one thing here that can be used up. So the counter is read before a PIN
// is asked for, a PIN is sent once, and a refusal ends the call and the Key.

// maxPIN is how long a PIN of a PIV card can be (NIST SP 800-73-4 part 2, section
// 2.4.3).
const maxPIN = 8

// factoryPIN is the PIN that YubiKeys are sold with. It is never sent unless a person
// gives it, and known here so that they can be told to change it.
const factoryPIN = "123456"

// askPIN asks for the PIN, and keeps it until it is sent. A blocked PIN is not asked for: the
// person who typed it would think it wrong.
func (u *user) askPIN(ctx context.Context, slot pivuri.Slot) error {
	c := u.card
	u.progress.card("reading the PIN's counter")
	tries, _, err := c.counter()
	if err != nil {
		return err
	}
	if tries == 0 {
		return c.blocked("too many wrong ones were sent before")
	}
	if u.options.PIN == nil {
		return fmt.Errorf("%s: %w, and there is no way to ask for it", c.name(), hardware.ErrPINNeeded)
	}
	u.tries = tries
	request := hardware.PINRequest{Device: c.name(), Serial: c.identity(), Counter: hardware.TryCounter(tries)}
	if slot != 0 {
		request.Key = slot.String()
	}
	err = u.ask(ctx, "waiting for the PIN", func() (err error) {
		if u.pin, err = u.options.PIN(ctx, request); err != nil {
			return err
		}
		return checkPIN(u.pin.Value)
	})
	if err != nil {
		u.forgetPIN()
		return fmt.Errorf("%s: %w", c.name(), err)
	}
	return nil
}

// checkPIN refuses PINs that no card takes before they cost a try.
func checkPIN(pin []byte) error {
	switch {
	case len(pin) == 0:
		return fmt.Errorf("%w, and an empty one was given", hardware.ErrPINNeeded)
	case len(pin) > maxPIN:
		return fmt.Errorf("%w: PINs of PIV cards have 6 to %d characters, and the one given has more; it was not sent", hardware.ErrPINNeeded, maxPIN)
	}
	return nil
}

// counter returns how many wrong PINs are left: 0 if the PIN is blocked, -1 if the card does not
// tell, as it does not while the PIN is verified.
func (c *card) counter() (tries int, verified bool, err error) {
	tries, err = c.retries()
	if err == nil {
		return tries, false, nil
	}
	if _, failed := serviceCode(err); failed {
		return 0, false, inWords("reading the PIN's counter", err)
	}
	_, refused := statusOf(err)
	return -1, !refused, nil // piv-go misses the refusal that tells the counter
}

// triesIn returns the tries that a refusal tells of: 63CX is X of them (ISO 7816-4
// section 5.6), and 6983 none.
func triesIn(err error) int {
	sw, ok := statusOf(err)
	switch {
	case ok && sw&0xfff0 == 0x63c0:
		return int(sw & 0xf)
	case sw == statusBlocked:
		return 0
	}
	return -1
}

// verify sends the PIN, once, and overwrites it.
func (u *user) verify() error {
	c := u.card
	u.progress.card("sending the PIN")
	err := u.pin.Send(hardware.DevicePIN, func() error {
		c.unlocked = true // whatever comes back: the card may have taken it
		return u.answered(c.verifyPIN(u.pin.Value))
	})
	return u.sent(err)
}

// sent overwrites the PIN after it was sent, unless it was right and is wanted again.
func (u *user) sent(err error) error {
	if err == nil && u.pinAgain {
		return nil
	}
	isFactory := bytes.Equal(u.pin.Value, []byte(factoryPIN))
	u.forgetPIN()
	if err == nil && isFactory && u.enrolling {
		u.progress.tell(FactoryPIN)
	}
	return err
}

// answered puts into words what the card answered to the PIN. Words that speak of the PIN are
// a refusal, and those of its form if it does not have the standard's; for all others, and
// where no answer came, the counter is asked.
func (u *user) answered(err error) error {
	c := u.card
	sw, ok := statusOf(err)
	switch {
	case err == nil:
		return nil
	case ok && triesIn(err) == 0:
		return c.blocked(fmt.Sprintf("the last try was wrong (%s)", sw.code()))
	case ok && triesIn(err) > 0:
		return c.refusal(fmt.Sprintf("it is wrong (%s)", sw.code()), triesIn(err))
	case ok && (sw == statusWrongData || sw == statusWrongLength) && !isStandardPIN(u.pin.Value):
		return c.refusal(fmt.Sprintf("PINs have 6 to 8 characters, and digits suit every card (%s)", sw.code()), -1)
	}
	return u.unclear(inWords("sending the PIN", err))
}

// isStandardPIN reports whether each card must take the form of a PIN: 6 to 8 decimal digits
// (NIST SP 800-73-4 part 2, section 2.4.3). Many take other characters too.
func isStandardPIN(pin []byte) bool {
	return len(pin) >= 6 && len(pin) <= maxPIN && len(bytes.Trim(pin, "0123456789")) == 0
}

// unclear returns the error for an answer that says nothing of the PIN, unless the card's
// counter does.
func (u *user) unclear(err error) error {
	c, before := u.card, u.tries
	unclear := &hardware.PINUnclearError{Device: "card", Before: hardware.TryCounter(before), Err: err}
	after, verified, failure := c.counter()
	switch {
	case failure != nil:
		return unclear
	case verified && before >= 0:
		return nil // it took the PIN, and had not before
	case after == 0:
		return c.blocked(fmt.Sprintf("it counted the PIN as a wrong one, which was the last try, and answered: %v", err))
	case before >= 0 && after >= 0 && after < before:
		return c.refusal(fmt.Sprintf("it counted the PIN as a wrong one, and answered: %v", err), after)
	}
	unclear.After = hardware.TryCounter(after)
	return unclear
}

// refusal returns the error for a PIN that the card did not take; tries are what is left, -1:
// it does not tell.
func (c *card) refusal(reason string, tries int) *hardware.PINError {
	refused := &hardware.PINError{Text: fmt.Sprintf("%s refused the PIN: %s", c.name(), reason), Counter: hardware.TryCounter(tries)}
	switch {
	case tries == 1:
		refused.Text += "; one try is left"
	case tries > 1:
		refused.Text += fmt.Sprintf("; %d tries are left", tries)
	}
	return refused
}

// blocked returns the error for a PIN of which the card takes none any more, and tells
// about the PUK, as far as the card does.
func (c *card) blocked(reason string) error {
	refused := &hardware.PINError{Locked: true, ResetOnly: c.isPUKBlocked(), Counter: hardware.TryCounter(0)}
	also := ""
	if refused.ResetOnly {
		also = ", and so is its PUK"
	}
	refused.Text = fmt.Sprintf("the PIN of %s is blocked%s: %s", c.name(), also, reason)
	return refused
}

// isPUKBlocked reports whether the PUK, which unblocks the PIN, is blocked too. Cards before
// firmware 5.3 do not tell. A failure changes nothing about the PIN.
func (c *card) isPUKBlocked() (blocked bool) {
	if c.hasMetadata() {
		c.aside("reading the PUK's counter", func(raw *rawCard) error {
			left, err := raw.triesOf(referencePUK)
			blocked = err == nil && left == 0
			return err
		})
	}
	return blocked
}

// The key references of PIN and PUK (NIST SP 800-73-4 part 1, table 4b).
const (
	referencePIN = 0x80
	referencePUK = 0x81
)

// The elements of a PIN's or PUK's metadata (docs.yubico.com, "Get metadata").
const (
	tagAlgorithm = 0x01
	tagPolicies  = 0x02
	tagDefault   = 0x05
	tagTries     = 0x06 // all, left
)

func (r *rawCard) metadata(reference byte) ([]byte, error) {
	return r.command(0xf7, 0x00, reference, nil)
}

func (r *rawCard) triesOf(reference byte) (int, error) {
	metadata, err := r.metadata(reference)
	if err != nil {
		return 0, err
	}
	tries, ok := element(metadata, tagTries)
	if !ok || len(tries) != 2 {
		return 0, errors.New("no counter")
	}
	return int(tries[1]), nil
}
