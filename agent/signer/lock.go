package signer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// How often a lock is tried: soon at first, since most logins take milliseconds.
const (
	firstPoll = 5 * time.Millisecond
	lastPoll  = 50 * time.Millisecond
)

// LockDevice waits until no other process of this user works with the device, and returns
// how to let it go. ctx governs the wait. busy, if not nil, is called once when it has
// taken 300 ms.
//
// The lock is a file in dir, which is made if missing. The kernel lets go of it when the
// process ends, however it does; the file stays.
func LockDevice(ctx context.Context, dir, device string, busy func()) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory for the locks of devices: %w", err)
	}
	sum := sha256.Sum256([]byte(device)) // a name may be long and have any characters
	lock := flock.New(filepath.Join(dir, hex.EncodeToString(sum[:16])+".lock"))
	if err := await(ctx, lock, busy); err != nil {
		return nil, fmt.Errorf("locking the device %q by the file %s: %w", device, lock.Path(), err)
	}
	return func() { lock.Unlock() }, nil
}

// await tries the lock until it has it. The system's own wait could not be given up.
func await(ctx context.Context, lock *flock.Flock, busy func()) error {
	start := time.Now()
	for delay := firstPoll; ; delay = min(2*delay, lastPoll) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if locked, err := lock.TryLock(); locked || err != nil {
			return err
		}
		if busy != nil && time.Since(start) >= busyAfter {
			busy()
			busy = nil
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
	}
}
