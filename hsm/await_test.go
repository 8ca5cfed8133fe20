//go:build cgo

package hsm

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/progress"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// TestCallEndsBeforeItBegins: the caller's time may end before the goroutine has said
// what it does, and the error must come all the same.
func TestCallEndsBeforeItBegins(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	release, ended := make(chan struct{}), make(chan struct{})
	_, err := call(ctx, uri.URI{}, func(*progress.Progress) (int, error) {
		cancel(context.DeadlineExceeded)
		<-release
		return 1, nil
	}, func(int) { close(ended) })
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "while starting") {
		t.Errorf("error %v, want that the module did not answer while starting", err)
	}
	close(release)
	<-ended
}

// TestPanicsBecomeErrors: a module can tell lengths at which miekg/pkcs11 panics, such
// as CK_UNAVAILABLE_INFORMATION for a number of slots, and crypto11 panics besides.
func TestPanicsBecomeErrors(t *testing.T) {
	told := ^uint(0)
	_, err := call(t.Context(), uri.URI{}, func(*progress.Progress) ([]uint, error) { return make([]uint, int(told)), nil }, forget)
	if !errors.Is(err, ErrModule) || !strings.Contains(err.Error(), "makeslice") {
		t.Errorf("error %v, want ErrModule with the cause", err)
	}
	if Transient(err) {
		t.Errorf("%v is taken for something that passes", err)
	}
}

// TestLateResultOfAPanic: nobody waits any more when the module breaks.
func TestLateResultOfAPanic(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	late := make(chan *Key)
	_, err := call(ctx, uri.URI{}, func(*progress.Progress) (*Key, error) {
		cancel()
		<-ctx.Done()
		panic("slice bounds out of range")
	}, func(k *Key) { late <- k })
	if k := <-late; k != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("late gets %v, the caller %v", k, err)
	}
}
