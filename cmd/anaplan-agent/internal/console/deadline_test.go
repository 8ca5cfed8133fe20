package console

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, d, end := WithDeadline(t.Context(), 10*time.Second)
		defer end()

		time.Sleep(4 * time.Second)
		resume := d.Pause()
		time.Sleep(time.Hour) // a person looks for the PIN
		resume()
		<-ctx.Done()

		if got, want := time.Since(start), time.Hour+10*time.Second; got != want {
			t.Errorf("ended after %v, want %v", got, want)
		}
		if got, ok := errors.AsType[TimeoutError](context.Cause(ctx)); !ok || got.Limit != 10*time.Second {
			t.Errorf("cause %v, want a timeout after 10s", context.Cause(ctx))
		}
	})
}

func TestPatienceEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, d, end := WithDeadline(t.Context(), time.Second)
		end()
		d.Pause()()
		if got := context.Cause(ctx); got != context.Canceled {
			t.Errorf("cause %v, want %v", got, context.Canceled)
		}
	})
}
