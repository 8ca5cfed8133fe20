package signer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLockDevice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "locks")
	device := "YubiKey/../ 1\x00ä"
	unlock, err := LockDevice(limited(t), dir, device, nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := LockDevice(limited(t), dir, "another", nil)
	if err != nil {
		t.Fatal(err)
	}
	other()
	unlock()
	unlock() // does no harm
	again, err := LockDevice(limited(t), dir, device, func() { t.Error("it was busy") })
	if err != nil {
		t.Fatal(err)
	}
	again()
	for _, made := range []string{filepath.Dir(dir), dir} { // others could hold a lock for ever
		if info, err := os.Stat(made); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", made, info, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, entry := range entries {
		if !regexp.MustCompile(`^[0-9a-f]{32}\.lock$`).MatchString(entry.Name()) {
			t.Errorf("a lock is named %s", entry.Name())
		}
	}
}

func TestLockDeviceWaits(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		unlock, err := LockDevice(t.Context(), dir, "reader", nil)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		time.AfterFunc(10*time.Second, unlock)
		var busy []time.Duration
		again, err := LockDevice(t.Context(), dir, "reader", func() { busy = append(busy, time.Since(start)) })
		if err != nil {
			t.Fatal(err)
		}
		again()
		if took := time.Since(start); took < 10*time.Second || took > 10*time.Second+lastPoll {
			t.Errorf("it came after %v", took)
		}
		if len(busy) != 1 || busy[0] < busyAfter || busy[0] > busyAfter+lastPoll {
			t.Errorf("busy was called after %v", busy)
		}
	})
}

func TestLockDeviceEndsWithContext(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		unlock, err := LockDevice(t.Context(), dir, "reader 1", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		cause := errors.New("nobody waits any longer")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, cause)
		defer cancel()
		_, err = LockDevice(ctx, dir, "reader 1", nil)
		if !errors.Is(err, cause) || !strings.Contains(err.Error(), `"reader 1"`) {
			t.Error(err)
		}
	})
}

func TestLockDeviceCannotLock(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LockDevice(t.Context(), file, "reader", nil); err == nil || !strings.Contains(err.Error(), "making the directory for the locks of devices: ") || !strings.Contains(err.Error(), file) {
		t.Errorf("a file in place of the directory: %v", err)
	}

	unlock, err := LockDevice(t.Context(), dir, "reader", nil)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	locks, err := filepath.Glob(filepath.Join(dir, "*.lock"))
	if err != nil || len(locks) != 1 {
		t.Fatal(locks, err)
	}
	if err := errors.Join(os.Remove(locks[0]), os.Mkdir(locks[0], 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := LockDevice(t.Context(), dir, "reader", nil); err == nil || !strings.Contains(err.Error(), locks[0]) {
		t.Errorf("a directory in place of the file: %v", err)
	}
}
