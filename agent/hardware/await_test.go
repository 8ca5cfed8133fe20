package hardware_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

var (
	errMute   = errors.New("it did not answer")
	errDevice = errors.New("the device failed")
)

func silence() error            { return errMute }
func broken(panicked any) error { return fmt.Errorf("%w: %v", errDevice, panicked) }

// Whoever waits gets the result, or else late does, and nobody both.
func TestAwait(t *testing.T) {
	for name, test := range map[string]struct {
		work   func() (int, error)
		gives  int
		failed error
	}{
		"well":  {func() (int, error) { return 7, nil }, 7, nil},
		"badly": {func() (int, error) { return 0, errDevice }, 0, errDevice},
		"panic": {func() (int, error) { panic("slice bounds") }, 0, errDevice},
	} {
		synctest.Test(t, func(t *testing.T) {
			got, err := hardware.Await(t.Context(), silence, broken, test.work, func(int, error) { t.Errorf("%s: it is late", name) })
			if got != test.gives || !errors.Is(err, test.failed) {
				t.Errorf("%s: %d, %v", name, got, err)
			}

			ctx, cancel := context.WithCancel(t.Context())
			release, late := make(chan struct{}), false
			got, err = hardware.Await(ctx, silence, broken, func() (int, error) {
				cancel()
				<-release
				return test.work()
			}, func(got int, err error) {
				if late = true; got != test.gives || !errors.Is(err, test.failed) {
					t.Errorf("%s: late gets %d, %v", name, got, err)
				}
			})
			close(release)
			synctest.Wait()
			if got != 0 || err != errMute || !late {
				t.Errorf("%s, and given up: %d, %v, late: %v", name, got, err, late)
			}
		})
	}
}

// A call that ends soon after its caller has given up is waited for: the process may end then, and
// must not do so while a module writes. One that hangs is left.
func TestAwaitLastMoment(t *testing.T) {
	for takes, want := range map[time.Duration]time.Duration{
		100 * time.Millisecond: 100 * time.Millisecond,
		time.Hour:              500 * time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			var ended atomic.Bool
			began := time.Now()
			_, err := hardware.Await(ctx, silence, broken, func() (int, error) {
				time.Sleep(takes)
				return 7, nil
			}, func(int, error) { ended.Store(true) })
			if got := time.Since(began); got != want || err != errMute || ended.Load() != (takes == want) {
				t.Errorf("%v: returned after %v, %v, ended: %v", takes, got, err, ended.Load())
			}
			time.Sleep(takes)
		})
	}
}

// Those who use a key take turns. Once it has ended nobody gets one, for the first reason.
func TestTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turn := hardware.NewTurn()
		if err := turn.Take(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		gaveUp, woken, last := make(chan error, 1), make(chan error, 1), make(chan struct{})
		go func() { gaveUp <- turn.Take(ctx) }()
		go func() { woken <- turn.Take(t.Context()) }()
		synctest.Wait()
		cancel(errMute)
		if err := <-gaveUp; !errors.Is(err, errMute) || err.Error() != "another signature was under way: it did not answer" {
			t.Errorf("who gave up gets %v", err)
		}
		if !turn.End(errDevice) || turn.End(errMute) || turn.Err() != errDevice {
			t.Errorf("ended: %v", turn.Err())
		}
		if err := <-woken; err != errDevice {
			t.Errorf("who waited gets %v", err)
		}
		go func() { turn.TakeLast(); close(last) }()
		synctest.Wait()
		select {
		case <-last:
			t.Error("the key is closed under who uses it")
		default:
		}
		turn.Give()
		<-last
		if err := turn.Take(t.Context()); err != errDevice {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// Who has left does not get a turn, and does not hear of a signature that there was not.
func TestTurnOfNobody(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errMute)
	turn := hardware.NewTurn()
	if err := turn.Take(ctx); err != errMute {
		t.Errorf("got %v", err)
	}
	if err := turn.Take(t.Context()); err != nil {
		t.Errorf("the next gets %v", err)
	}
	if err := turn.Take(ctx); !errors.Is(err, errMute) || err == errMute {
		t.Errorf("with the turn taken: %v, want that it was", err)
	}
	if !turn.Close() || turn.Close() || turn.Err() == nil || turn.Err().Error() != "the key is closed" {
		t.Errorf("closed: %v", turn.Err())
	}
}
