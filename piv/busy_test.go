//go:build cgo || windows

package piv

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/piv/pcsc"

	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
)

// TestBackoff: the waits grow, are bounded, and end when patience does.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = 5 * time.Second
		began, tries := time.Now(), 0
		for b := newWaits(patience); b.again(); tries++ {
			if wait := b.next(); wait > 2*lastWait || wait < 0 {
				t.Fatalf("try %d waits %s", tries, wait)
			} else {
				time.Sleep(wait)
			}
		}
		if took := time.Since(began); took != patience {
			t.Errorf("it took %s, want %s", took, patience)
		}
		// Between all waits at their longest and all at their shortest.
		if tries < 12 || tries > 60 {
			t.Errorf("%d tries in %s", tries, patience)
		}
	})
}

func TestBackoffEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b := newWaits(time.Hour)
		for backoff.Sleep(ctx, b.next()) == nil {
		}
		if took := time.Since(b.began); took != time.Second || !b.long() {
			t.Errorf("it took %s", took)
		}
	})
}

// TestPatiently: only a card in use is worth a wait, and not for ever.
func TestPatiently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		err := patiently(func() error {
			if tries++; tries < 4 {
				return pcsc.ErrSharingViolation
			}
			return nil
		})
		if err != nil || tries != 4 {
			t.Errorf("%d tries, %v", tries, err)
		}
		if err := patiently(func() error { return pcsc.ErrRemovedCard }); !errors.Is(err, pcsc.ErrRemovedCard) {
			t.Error(err)
		}
		began := time.Now()
		err = patiently(func() error { return pcsc.ErrSharingViolation })
		if took := time.Since(began); !errors.Is(err, pcsc.ErrSharingViolation) || took != patience {
			t.Errorf("%v after %s", err, took)
		}
	})
}
