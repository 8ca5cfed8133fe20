package pin

// What the Book says of a PIN that is to be sent.

import (
	"context"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// judge looks up what is known of the PIN, and returns why it may not be sent; nil if it may.
func (b *Book) judge(u *use) error {
	n, _, err := b.read(u.name, u.typed)
	u.seen = n
	if u.fresh {
		return nil
	}
	if err != nil {
		return err
	}
	if err := b.judgeNote(*u, n); err != nil {
		return err
	}
	if err := b.judgeFormer(*u, n); err != nil {
		return err
	}
	return b.judgeOwner(*u)
}

// judgeNote says what a note means for the PIN.
func (b *Book) judgeNote(u use, n note) error {
	if n.State == "" {
		return nil
	}
	refused := &RefusedError{Source: u.source, Time: n.Time, Prompt: u.prompt, Unknown: n.PIN.compare(u.mark) == unknown}
	verdict, wait := n.judge(u.mark, u.counter, now())
	switch verdict {
	case mayBeSent:
		return nil
	case mustWait:
		return &WaitError{Source: u.source, Wait: wait, Worked: n.Worked.compare(u.mark) == same}
	case isCounted:
		b.noteCounted(u, n)
	case isUnclear:
		refused.Unclear = true
	case isManyth:
		refused.Many = true
	}
	return refused
}

// noteCounted writes down what the counter says about the last time, for it may not say so again.
// The PIN is not sent, whether or not writing works.
func (b *Book) noteCounted(u use, n note) {
	unlock, err := b.lockFor(u)
	if err != nil {
		return
	}
	defer unlock()
	latest, onDisk, err := b.read(u.name, u.typed)
	if err == nil && latest.isLike(n) {
		b.write(latest.refused(latest.Time), onDisk, u)
	}
}

// judgeLate judges again what another process has changed since the PIN was asked for. The
// counter was read before that, and tells nothing any more. unread is why the note cannot be
// read.
func (b *Book) judgeLate(u use, n note, unread error) error {
	switch {
	case u.fresh, u.typed:
		return nil
	case unread == nil && n.isLike(u.seen):
		return b.judgeFormer(u, n)
	case unread != nil:
		return unread
	}
	u.counter = hardware.PINCounter{}
	return b.judgeNote(u, n)
}

// Standing returns what stands against sending the PIN from a place to a device, without asking the
// device: a *RefusedError, a *DoubtError, or nil. pin is nil if it is not known.
func (b *Book) Standing(device Device, source config.PINSource, pin []byte) error {
	u := use{device: device, source: Place(source), name: noteName(device, nameOf(source))}.labelledBy(source)
	n, _, err := b.read(u.name, false)
	if err != nil {
		return fmt.Errorf("%s: %w", device, err)
	}
	b.learn(&u, pin)
	if err = b.judgeNote(u, n); err == nil {
		err = b.judgeFormer(u, n)
	}
	if _, refused := errors.AsType[*RefusedError](err); !refused {
		return nil
	}
	return fmt.Errorf("%s: %w", device, err)
}

// lockFor keeps other processes from sending a PIN from the same place to the same device, until
// it is known what came of this one.
func (b *Book) lockFor(u use) (unlock func(), err error) {
	if u.typed {
		return func() {}, nil
	}
	unlock, err = b.lock(u.ctx, u.name)
	switch {
	case err == nil:
		return unlock, nil
	case u.ctx.Err() != nil:
		return nil, fmt.Errorf("waiting for another process that sends a PIN from %s to %s: %w", u.source, u.device, context.Cause(u.ctx))
	case u.loose, b.tell != nil:
		return func() {}, nil
	}
	return nil, fmt.Errorf("%w: %w", ErrUnrecorded, err)
}
