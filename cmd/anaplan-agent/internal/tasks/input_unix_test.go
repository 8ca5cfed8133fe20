//go:build unix

package tasks

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestInputEndsWithItsContext: nobody opens the other end of a FIFO, or writes to it, and a person who
// does not want to wait for that can end the program.
func TestInputEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	ctx, stop := context.WithCancelCause(t.Context())
	stop(enough)
	if _, err := openInput(ctx, path); !errors.Is(err, enough) {
		t.Errorf("opening: %v", err)
	}
	other, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ctx, stop = context.WithCancelCause(t.Context())
	from, err := openInput(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if _, err := other.WriteString("begun"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(from, make([]byte, 5)); err != nil || from.size != -1 {
		t.Error(from.size, err)
	}
	stop(enough)
	if _, err := from.Read(make([]byte, 1)); !errors.Is(err, enough) {
		t.Errorf("reading: %v", err)
	}
}
