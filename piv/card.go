//go:build cgo || windows

package piv

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/piv/pcsc"
	yubikey "github.com/go-piv/piv-go/v2/piv"

	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// card is a YubiKey, or one that speaks its protocol, that this process has for itself, until close.
type card struct {
	model
	service  *service // shared by the cards of a survey
	reader   string
	yk       *yubikey.YubiKey // nil while the card is let go, and of a plain one
	raw      *rawCard         // of a plain one, in the place of yk
	unlocked bool             // a PIN was sent since the card was powered
}

// openCard opens the card in a reader, and tries once: waiting for a card that another program has
// is the caller's. Its errors have words. The two connections, of the look and of piv-go, cannot be
// one, for each is exclusive; a program that gets in between is met as busy.
func openCard(service *service, reader string) (*card, error) {
	const doing = "opening the card"
	probe, err := service.open(reader)
	if errors.Is(err, errNoPIV) {
		return nil, fmt.Errorf("%w: the card in %q has no PIV application", ErrNotPIV, reader)
	}
	if err != nil {
		return nil, inWords(doing, err)
	}
	c := &card{service: service, reader: reader}
	if c.maker = probe.maker(); !c.isYubiKey() {
		return c, c.openOther(probe, doing)
	}
	if err = probe.close(pcsc.LeaveCard); err != nil {
		return nil, inWords(doing, err)
	}
	if err = c.open(doing); !errors.Is(err, errNoVersion) {
		return c, err
	}
	// It passed for a YubiKey by its ATR, or because the service did not tell that.
	if probe, err = service.open(reader); err != nil {
		return nil, inWords(doing, err)
	}
	c.maker = anyMaker
	return c, c.openOther(probe, doing)
}

// openOther opens a card of another maker that a probe has.
func (c *card) openOther(probe *rawCard, doing string) error {
	err := c.ask(probe)
	if c.plain {
		c.raw = probe
		return nil
	}
	if err = cmp.Or(err, probe.close(pcsc.LeaveCard)); err != nil {
		return inWords(doing, err)
	}
	return c.open(doing)
}

// open opens the card by piv-go. Somebody must have seen its PIV application just now.
func (c *card) open(doing string) (err error) {
	c.yk, err = yubikey.Open(c.reader)
	if err != nil {
		return notOpened(doing, err)
	}
	c.firmware = c.yk.Version()
	c.serial, err = c.yk.Serial()
	if _, refused := statusOf(err); refused {
		err = nil // a YubiKey 4 whose OTP application is switched off keeps it to itself
	}
	if err != nil {
		c.letGo()
	}
	return inWords(doing, err)
}

// errNoVersion: the card refuses piv-go's first question after the selection, which is one of Yubico's own.
var errNoVersion = fmt.Errorf("%w: it does not tell its version", ErrDevice)

// notOpened says why piv-go could not open the card.
func notOpened(doing string, err error) error {
	if _, ours := serviceCode(err); !ours && strings.Contains(err.Error(), "yubikey version") {
		return errNoVersion
	}
	return inWords(doing, err)
}

// close is finish for a card that is the last of its survey. Closing twice does no
// harm.
func (c *card) close() error {
	defer c.service.release()
	return c.finish()
}

// finish lets the card go. If a PIN was sent it locks again what that has unlocked.
// Between the two another program can get at the card for about a millisecond: piv-go
// cannot do both at once.
func (c *card) finish() error {
	c.letGo()
	if !c.unlocked {
		return nil
	}
	c.unlocked = false
	return inWords("locking what the PIN has unlocked", c.service.reset(c.reader))
}

// letGo lets the card go as it is. A failure changes nothing: the card is gone then.
func (c *card) letGo() {
	if c.yk != nil {
		c.yk.Close()
		c.yk = nil
	}
	if c.raw != nil {
		c.raw.close(pcsc.LeaveCard)
		c.raw = nil
	}
}

// isOpen reports whether this process has the card.
func (c *card) isOpen() bool { return c.yk != nil || c.raw != nil }

// aside does what piv-go cannot, while that lets the card go. What a PIN has unlocked
// may be locked afterwards.
func (c *card) aside(doing string, work func(*rawCard) error) error {
	return inWords(doing, c.byRaw(work))
}

// byRaw is aside with errors as they come.
func (c *card) byRaw(work func(*rawCard) error) error {
	if c.raw != nil {
		return work(c.raw)
	}
	c.letGo()
	var worked error
	err := patiently(func() error {
		raw, err := c.service.open(c.reader)
		if err != nil {
			return err
		}
		worked = work(raw)
		return raw.close(pcsc.LeaveCard)
	})
	if err == nil {
		err = patiently(func() (err error) {
			c.yk, err = yubikey.Open(c.reader)
			return err
		})
	}
	if err == nil {
		err = worked
	}
	return err
}

// slotOf returns the slot as piv-go has it: with the number of the object that holds its
// certificate (NIST SP 800-73-4 part 1, table 3).
func slotOf(slot pivuri.Slot) yubikey.Slot {
	for _, s := range []yubikey.Slot{yubikey.SlotAuthentication, yubikey.SlotSignature, yubikey.SlotKeyManagement, yubikey.SlotCardAuthentication} {
		if s.Key == uint32(slot) {
			return s
		}
	}
	retired, _ := yubikey.RetiredKeyManagementSlot(uint32(slot))
	return retired
}
