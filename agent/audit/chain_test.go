package audit

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPartsThatCouldNotBeTakenBack has a failed write leave a part of a line, as where the disk
// takes nothing at all any more: the next write, or the end, takes it back first.
func TestPartsThatCouldNotBeTakenBack(t *testing.T) {
	for name, next := range map[string]func(*chain) error{
		"a write": func(c *chain) error { return c.add([]Entry{{Action: Login}}) },
		"the end": (*chain).close,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.log")
			c, err := openChain(path, link{}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer c.file.Close()
			if err := c.add([]Entry{{Action: Login}}); err != nil {
				t.Fatal(err)
			}
			written, err := c.file.WriteString(`{"time":"half a li`)
			if err != nil {
				t.Fatal(err)
			}
			c.parts = int64(written)
			if err := next(c); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(bytes.NewReader(text)); err != nil || bytes.Contains(text, []byte("half")) {
				t.Errorf("%v in\n%s", err, text)
			}
			if c.parts != 0 { // else what somebody else adds later would be taken back too
				t.Error("there is still something to take back")
			}
		})
	}
}

// Where the file cannot even be looked at, that is the error, and the chain stands where it stood.
func TestFileThatFails(t *testing.T) {
	for _, parts := range []int64{0, 10} {
		path := filepath.Join(t.TempDir(), "audit.log")
		log, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		log.chain.file.Close()
		log.chain.parts = parts
		at := log.chain.at
		err = log.Append(Entry{Action: Login})
		if !errors.Is(err, os.ErrClosed) || strings.Contains(err.Error(), "taking back a part of a line") != (parts > 0) || log.chain.at != at {
			t.Errorf("parts: %d; %v, at %+v", parts, err, log.chain.at)
		}
		os.Remove(path)
		if err := log.Reopen(); !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), path+", the file before: ") {
			t.Errorf("parts: %d; reopened: %v", parts, err)
		}
		if err := log.Close(); err != nil {
			t.Errorf("parts: %d; closed: %v", parts, err)
		}
	}
}

// More than so many lines are not kept, and a reader is told how many are lost.
func TestOwedLinesAreBounded(t *testing.T) {
	log := new(Log) // closed
	log.trouble.since = time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("", 3600))
	log.trouble.owed = make([]Entry, 20_000-1)
	for range 3 {
		if err := log.Owe(Entry{Action: Login}); err == nil {
			t.Error("written")
		}
	}
	if got := log.Owed(); got != 20_000 {
		t.Errorf("%d are owed", got)
	}
	got := log.trouble.entry()
	want := "nothing could be written since 2026-11-23T11:00:00Z; the next 20000 are of what was done meanwhile; 2 more of that kind are lost"
	if got.Action != resumed || got.Detail != want {
		t.Errorf("%q %q, want %q", got.Action, got.Detail, want)
	}
	log.trouble = trouble{since: log.trouble.since}
	if got := log.trouble.entry().Detail; strings.Contains(got, ";") {
		t.Errorf("nothing is missing: %q", got)
	}
}
