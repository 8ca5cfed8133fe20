//go:build cgo || windows

package piv

import (
	"context"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// user is the person, or the program in their place, who has the secrets of a card.
type user struct {
	finder
	card  *card
	pin   hardware.PIN // that is yet to be sent; without a value: none
	tries int          // that the card had left when the PIN was asked for; -1: it did not tell

	// enrolling: a key is being set up, so that factory secrets are spoken of.
	enrolling bool

	// pinAgain: the PIN is wanted once more after this, so it is kept when it was right.
	pinAgain bool
}

func (u *user) forgetPIN() {
	clear(u.pin.Value)
	u.pin = hardware.PIN{}
}

func (u *user) leave() error {
	u.forgetPIN()
	return u.card.close()
}

func (u *user) askIfWanted(ctx context.Context, k *slotKey) error {
	if !k.WantsPIN() {
		return nil
	}
	return u.askPIN(ctx, k.Address.Slot)
}

// reopen opens a card again that was let go, in whatever reader it is now.
func (u *user) reopen(ctx context.Context) error {
	u.progress.card("opening the card again")
	again, err := u.find(ctx, u.card.address(0))
	switch {
	case errors.Is(err, ErrNoCard):
		return fmt.Errorf("%w meanwhile: %v", ErrRemoved, err)
	case err != nil:
		return err
	case again.identity() != u.card.identity(): // possible only where one does not tell its serial number
		again.close()
		return fmt.Errorf("%w meanwhile: there is another one", ErrRemoved)
	}
	*u.card = *again
	return nil
}

// ask lets a person be asked for a secret. Where that may take long it does without
// the card meanwhile.
func (u *user) ask(ctx context.Context, doing string, ask func() error) error {
	if err := context.Cause(ctx); err != nil {
		return err // nobody waits any more, so nobody is bothered
	}
	if u.options.Slow {
		if err := u.card.close(); err != nil {
			return err
		}
	}
	u.progress.person(doing)
	if err := ask(); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if !u.card.isOpen() {
		return u.reopen(ctx)
	}
	u.progress.card("working")
	return nil
}

// attended refuses a key that wants a touch where nobody is there to give it.
func (u *user) attended(k *slotKey) error {
	if !u.options.Unattended || k.Touch != TouchAlways && k.Touch != TouchCached {
		return nil
	}
	return fmt.Errorf("%w: its touch policy is %q, and nobody is there", ErrNotTouched, k.Touch)
}
