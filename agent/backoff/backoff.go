// Package backoff has the waits before something is tried again, for the packages that talk to
// Anaplan and to devices. It decides nothing about what may be tried again.
//
//	for failures := 1; try() != nil; failures++ {
//		if err := backoff.Sleep(ctx, backoff.Delay(time.Second, time.Minute, failures)); err != nil {
//			return err
//		}
//	}
package backoff

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"time"
)

// Delay returns how long to wait after so many failures in a row, 1 being the first: half of
// Doubled(first, most, failures-1) for certain, the other half by chance.
func Delay(first, most time.Duration, failures int) time.Duration {
	delay := Doubled(first, most, failures-1)
	return delay/2 + Jitter(delay/2)
}

// Doubled returns first after so many doublings, most at the longest.
func Doubled(first, most time.Duration, times int) time.Duration {
	for ; times > 0 && first < most; times-- {
		first *= 2
	}
	return min(first, most)
}

// Jitter returns a random duration from 0 up to limit, and 0 where limit is not above that. It keeps
// programs that failed together from coming back together.
func Jitter(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	var random [8]byte
	rand.Read(random[:])
	return time.Duration(binary.NativeEndian.Uint64(random[:]) % uint64(limit))
}

// Sleep waits for so long. It returns the cause of the context's end if that comes first.
func Sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
