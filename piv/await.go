//go:build cgo || windows

package piv

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// progress says what the goroutine at the card is doing, to those who wait for it.
// It is written by that goroutine and read by another at any time.
type progress struct {
	tell func(Notice)

	mu      sync.Mutex
	doing   string
	waiting error       // what the step waits for, as the error for a wait in vain
	timer   *time.Timer // tells TouchMaybe; nil without
	touch   bool        // a touch was spoken of, and TouchOver not yet
	met     pivuri.URI  // the card that was chosen
}

// newProgress returns the progress of a call that begins.
func newProgress(options Options) *progress {
	p := &progress{tell: options.Tell, doing: "looking for cards", waiting: ErrDevice}
	if p.tell == nil {
		p.tell = func(Notice) {}
	}
	return p
}

// card notes that the card is at work, person that a person is asked for a secret: the error for a
// wait that was too long says which of the two was too slow.
func (p *progress) card(doing string)   { p.step(doing, ErrDevice) }
func (p *progress) person(doing string) { p.step(doing, hardware.ErrPINNeeded) }

func (p *progress) step(doing string, waiting error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing, p.waiting = doing, waiting
}

// meet notes which card it is that errors are of.
func (p *progress) meet(card pivuri.URI) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.met = card
}

// ofCard returns err as a CardError of the card that was chosen; nil for nil.
func (p *progress) ofCard(err error) error {
	if err == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return &CardError{err, p.met}
}

// touchPatience is how long a card may take before a person is told that it may want a
// touch. An RSA 2048 signature takes a YubiKey 5 some 100 ms, an RSA 4096 one 600 ms.
const touchPatience = 700 * time.Millisecond

// mayWantTouch speaks of a touch before a command that may wait for one: at once if
// it is certain, else when the command takes long. touchOver ends it.
func (p *progress) mayWantTouch(policy TouchPolicy) {
	switch policy {
	case TouchNever:
	case TouchAlways:
		p.speakOfTouch(TouchWanted)
	default:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.timer = time.AfterFunc(touchPatience, func() { p.speakOfTouch(TouchMaybe) })
	}
}

// touching runs a command that may wait for a touch.
func (p *progress) touching(policy TouchPolicy, command func() error) error {
	p.mayWantTouch(policy)
	defer p.touchOver()
	return command()
}

// speakOfTouch tells of a touch. It tells under the lock, so that TouchOver cannot
// overtake it.
func (p *progress) speakOfTouch(notice Notice) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if notice == TouchMaybe && p.timer == nil {
		return // the card answered while the timer fired
	}
	p.touch, p.waiting = true, ErrNotTouched
	p.tell(notice)
}

// touchOver notes that the card has answered, or that nobody waits any more.
func (p *progress) touchOver() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if p.touch {
		p.touch = false
		p.tell(TouchOver)
	}
}

// silence returns the error for a wait that the context ended. It gives the cause
// of that, so that a caller finds its own deadline or cancellation again.
func (p *progress) silence(ctx context.Context) error {
	p.mu.Lock()
	doing, waiting := p.doing, p.waiting
	p.mu.Unlock()
	p.touchOver()
	switch waiting {
	case hardware.ErrPINNeeded:
		return fmt.Errorf("%w: nobody answered while %s: %w", waiting, doing, context.Cause(ctx))
	case ErrNotTouched:
		return fmt.Errorf("%w, which waited while %s: %w", waiting, doing, context.Cause(ctx))
	}
	return fmt.Errorf("%w: it did not answer while %s: %w", waiting, doing, context.Cause(ctx))
}

// await is hardware.Await for calls into PC/SC. What failed has nothing left open for late.
func await[T any](ctx context.Context, p *progress, work func() (T, error), late func(T)) (T, error) {
	result, err := hardware.Await(ctx, func() error { return p.silence(ctx) }, broken, work, func(result T, err error) {
		if err == nil {
			late(result)
		}
	})
	return result, p.ofCard(err)
}

// call is await for a call from its beginning to its end.
func call[T any](ctx context.Context, options Options, work func(finder) (T, error), late func(T)) (result T, err error) {
	if err := context.Cause(ctx); err != nil {
		return result, err // before anything was begun
	}
	f := finder{options: options, progress: newProgress(options)}
	return await(ctx, f.progress, func() (T, error) { return work(f) }, late)
}

// visit is call for work with the keys of the one card that address names, which is let go of
// then.
func visit[T any](ctx context.Context, address pivuri.URI, options Options, work func(*keyring) (T, error)) (T, error) {
	return call(ctx, options, func(f finder) (result T, err error) {
		keys, err := f.enter(ctx, address)
		if err != nil {
			return result, err
		}
		defer keys.user.leave()
		return work(keys)
	}, forget)
}

// forget is late for work that leaves nothing open.
func forget[T any](T) {}

// broken is the error for a panic: piv-go indexes what cards answer without looking at its
// length.
func broken(panicked any) error {
	return fmt.Errorf("%w: its answer made the PIV library fail: %v", ErrDevice, panicked)
}
