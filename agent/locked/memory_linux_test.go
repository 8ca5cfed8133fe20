package locked_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/anaplan-agent/anaplan-agent/agent/locked"
	"golang.org/x/sys/unix"
)

// TestMemoryIsLocked asks the kernel: of blocks that share a page, and of one that is larger.
func TestMemoryIsLocked(t *testing.T) {
	wantLockable(t)
	var memory locked.Memory
	for _, size := range []int{6, 1000, 3 * os.Getpagesize()} {
		block := memory.Keep(bytes.Repeat([]byte("s"), size))
		if !isLocked(t, block.Bytes()) {
			t.Errorf("a block of %d bytes is in memory that can be swapped out", size)
		}
		block.Free()
	}
}

// TestCheckAsksTheKernel: it does not say that memory can be locked where it cannot.
func TestCheckAsksTheKernel(t *testing.T) {
	wantLockable(t)
	if err := locked.Check(); err != nil {
		t.Errorf("memory can be locked, and Check says: %v", err)
	}
	page := newPage(t)
	if isLocked(t, page) {
		t.Error("memory that nobody has locked is taken for locked")
	}
}

// wantLockable skips the test where the system locks nothing for this user (RLIMIT_MEMLOCK).
func wantLockable(t *testing.T) {
	t.Helper()
	if err := unix.Mlock(newPage(t)); err != nil {
		t.Skipf("the right to lock memory is missing: %v", err)
	}
}

func newPage(t *testing.T) []byte {
	t.Helper()
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(page) })
	return page
}

// isLocked reports whether all of it is in mappings that are locked (proc_pid_smaps(5)).
func isLocked(t *testing.T, block []byte) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	at := uint64(uintptr(unsafe.Pointer(&block[0])))
	end := at + uint64(len(block))
	var from, to uint64
	for line := range strings.Lines(string(text)) {
		var begin, behind uint64
		if n, _ := fmt.Sscanf(line, "%x-%x ", &begin, &behind); n == 2 {
			from, to = begin, behind
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && from <= at && at < to {
			if !slices.Contains(strings.Fields(flags), "lo") {
				return false
			}
			if at = to; at >= end {
				return true
			}
		}
	}
	return false
}
