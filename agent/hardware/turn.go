package hardware

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Turn lets the users of a key take turns, until the key has ended: a device does one thing at
// a time (PKCS#11 section 5.6), and so does a person who types a PIN.
type Turn struct {
	taken chan struct{} // holds one while the key is in use
	ended chan struct{} // closed when the key can no longer be used

	mu  sync.Mutex
	why error // it can no longer be used; nil: it can
}

// NewTurn returns the Turn of a key that nobody uses yet.
func NewTurn() *Turn {
	return &Turn{taken: make(chan struct{}, 1), ended: make(chan struct{})}
}

// Take waits for the key to be free. It returns why the key has ended, or what ended ctx; else
// the caller gives the turn back.
func (t *Turn) Take(ctx context.Context) error {
	select {
	case t.taken <- struct{}{}:
	default:
		if err := t.wait(ctx); err != nil {
			return err
		}
	}
	err := t.Err()
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		t.Give()
	}
	return err
}

// wait is Take while somebody else has the turn.
func (t *Turn) wait(ctx context.Context) error {
	select {
	case t.taken <- struct{}{}:
		return nil
	case <-t.ended:
		return t.Err()
	case <-ctx.Done():
		return fmt.Errorf("another signature was under way: %w", context.Cause(ctx))
	}
}

// Give gives the turn back.
func (t *Turn) Give() { <-t.taken }

// TakeLast waits for a use of the key that is under way, also when the key has ended.
func (t *Turn) TakeLast() { t.taken <- struct{}{} }

// End makes the key useless, and wakes what waits for it; it reports false if it was useless
// before. The first reason stays: it is the one that explains the others.
func (t *Turn) End(why error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.why != nil {
		return false
	}
	t.why = why
	close(t.ended)
	return true
}

// Close is End by the owner of the key.
func (t *Turn) Close() bool { return t.End(errClosed) }

var errClosed = errors.New("the key is closed")

// Err says why the key can no longer be used; nil if it can.
func (t *Turn) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.why
}
