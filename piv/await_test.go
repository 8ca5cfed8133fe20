//go:build cgo || windows

package piv

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// notices keeps what was told.
type notices struct {
	mu   sync.Mutex
	told []Notice
}

func (n *notices) tell(notice Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = append(n.told, notice)
}

func (n *notices) list() []Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.told)
}

// TestSilence: the error for a wait that was too long says what was waited for, and during what.
func TestSilence(t *testing.T) {
	for name, test := range map[string]struct {
		step func(*progress)
		want error
		text string
	}{
		"card":   {func(p *progress) { p.card("reading the key") }, ErrDevice, "while reading the key"},
		"person": {func(p *progress) { p.person("waiting for the PIN") }, hardware.ErrPINNeeded, "nobody answered while waiting for the PIN"},
		"touch": {func(p *progress) {
			p.card("signing")
			p.mayWantTouch(TouchAlways)
		}, ErrNotTouched, "while signing"},
		"never": {func(p *progress) {
			p.card("signing")
			p.mayWantTouch(TouchNever)
		}, ErrDevice, "while signing"},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			release, late := make(chan struct{}), make(chan int, 1)
			_, err := call(ctx, Options{}, func(v finder) (int, error) {
				test.step(v.progress)
				<-release
				return 7, nil
			}, func(n int) { late <- n })
			if !errors.Is(err, test.want) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("%s: %v, want %v with %q", name, err, test.want, test.text)
			}
			close(release)
			if got := <-late; got != 7 {
				t.Errorf("late got %d", got)
			}
		})
	}
}

// TestTouchNotices: a person is told once, at the right time, and told when it is over.
func TestTouchNotices(t *testing.T) {
	for name, test := range map[string]struct {
		policy TouchPolicy
		takes  time.Duration
		want   []Notice
	}{
		"always":       {TouchAlways, 0, []Notice{TouchWanted, TouchOver}},
		"never":        {TouchNever, time.Minute, nil},
		"cached, fast": {TouchCached, touchPatience / 2, nil},
		"cached, slow": {TouchCached, 2 * touchPatience, []Notice{TouchMaybe, TouchOver}},
		"unknown":      {"", 2 * touchPatience, []Notice{TouchMaybe, TouchOver}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var told notices
			p := newProgress(Options{Tell: told.tell})
			p.mayWantTouch(test.policy)
			time.Sleep(test.takes)
			synctest.Wait()
			p.touchOver()
			p.touchOver() // by the waiting side, and by the working side
			if got := told.list(); !slices.Equal(got, test.want) {
				t.Errorf("%s: told %v, want %v", name, got, test.want)
			}
		})
	}
}

// TestTouchOverWhenGivenUp: a notice must not stay on a desktop after the call.
func TestTouchOverWhenGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told notices
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		release := make(chan struct{})
		_, err := call(ctx, Options{Tell: told.tell}, func(v finder) (int, error) {
			v.progress.mayWantTouch(TouchCached)
			<-release
			v.progress.touchOver()
			return 0, nil
		}, forget)
		close(release)
		synctest.Wait()
		if want := []Notice{TouchMaybe, TouchOver}; !errors.Is(err, ErrNotTouched) || !slices.Equal(told.list(), want) {
			t.Errorf("told %v and returned %v, want %v", told.list(), err, want)
		}
	})
}

// TestCallEndsBeforeItBegins: nothing is touched for a caller who has left.
func TestCallEndsBeforeItBegins(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := call(ctx, Options{}, func(finder) (int, error) {
		t.Error("work began")
		return 0, nil
	}, forget)
	if !errors.Is(err, context.Canceled) || Transient(err) {
		t.Errorf("error %v, want that it was cancelled", err)
	}
}

// TestPanicsBecomeErrors: cards can answer so little that piv-go panics.
func TestPanicsBecomeErrors(t *testing.T) {
	var answer []byte
	_, err := call(t.Context(), Options{}, func(finder) (byte, error) { return answer[2:][0], nil }, forget)
	if !errors.Is(err, ErrDevice) || !strings.Contains(err.Error(), "slice bounds") {
		t.Errorf("error %v, want ErrDevice with the cause", err)
	}
}

// TestLateFailure: what failed has nothing left open to close.
func TestLateFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		_, err := call(ctx, Options{}, func(finder) (*Key, error) {
			cancel()
			<-release
			return nil, ErrRemoved
		}, func(*Key) { t.Error("a key that was never opened is closed") })
		close(release)
		synctest.Wait()
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
