package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/audit"
	"github.com/anaplan-agent/anaplan-agent/agent/logtest"
)

// anchored opens a log whose anchors go to a buffer.
func anchored(t *testing.T, path string, handler func(*logtest.Buffer) slog.Handler) (*audit.Log, *logtest.Buffer) {
	t.Helper()
	said := new(logtest.Buffer)
	log, err := audit.Open(path, audit.Options{Logger: slog.New(handler(said))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log, said
}

func asText(b *logtest.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) }
func asJSON(b *logtest.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) }

// verifyAll checks files in their order against anchors.
func verifyAll(t *testing.T, said string, files ...string) error {
	t.Helper()
	anchors, err := audit.ReadAnchors(strings.NewReader("INFO something else seq=77 head=no\n" + said + strings.Repeat("x", 1<<20) + "\nend"))
	if err != nil || len(anchors) == 0 {
		t.Fatalf("%d anchors in %s: %v", len(anchors), said, err)
	}
	var last audit.Report
	for _, file := range files {
		if last, err = anchors.Verify(bytes.NewReader(read(t, file))); err != nil {
			return err
		}
	}
	return anchors.CheckEnd(last)
}

// Whole lines that are cut off at the end of a log are found missing with the agent's log at hand.
func TestAnchorsGuardTheEnd(t *testing.T) {
	for name, handler := range map[string]func(*logtest.Buffer) slog.Handler{"text": asText, "json": asJSON} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			log, said := anchored(t, path, handler)
			add(t, log, 12)
			log.Close()
			if err := verifyAll(t, said.String(), path); err != nil {
				t.Fatal(err)
			}
			lines := bytes.SplitAfter(read(t, path), []byte("\n"))
			for keep := range 12 {
				os.WriteFile(path, bytes.Join(lines[:keep], nil), 0o600)
				if err := verifyAll(t, said.String(), path); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("line %d: it was cut off, or started over: the agent's log names entry 12, and the last one here is %d", keep+1, keep)) {
					t.Errorf("%d of 12 lines are left: %v", keep, err)
				}
			}
			// Rewritten, with a chain that is right in itself, and longer.
			os.Remove(path)
			other := open(t, path)
			add(t, other, 15)
			if err := verifyAll(t, said.String(), path); err == nil || !strings.Contains(err.Error(), "line 12: the log was rewritten: the agent's log names another entry 12") {
				t.Errorf("rewritten: %v", err)
			}
		})
	}
}

func TestAnchorsAcrossFiles(t *testing.T) {
	path := newPath(t)
	log, said := anchored(t, path, asText)
	add(t, log, 3)
	os.Rename(path, path+".1")
	if err := log.Reopen(); err != nil {
		t.Fatal(err)
	}
	add(t, log, 2)
	log.Close()
	if err := verifyAll(t, said.String(), path+".1", path); err != nil {
		t.Error(err)
	}
	if err := verifyAll(t, said.String(), path); err != nil {
		t.Errorf("the newest alone: %v", err)
	}
	if err := verifyAll(t, said.String(), path+".1"); err == nil {
		t.Error("a whole file that is missing is not missed")
	}
}

func TestReadAnchors(t *testing.T) {
	head := strings.Repeat("0123456789abcdef", 4)
	said := fmt.Sprintf(`msg="the audit log's head" seq=18446744073709551615 head=%s
msg="something else" seq=2 head=%[1]s
msg="the audit log's head" seq=3 head=%[2]s
msg="the audit log's head" seq=18446744073709551616 head=%[1]s
{"msg":"the audit log's head","seq":4,"head":"%[1]s"}
msg="the audit log's head" seq=5 head=%[1]s`, head, head[1:])
	got, err := audit.ReadAnchors(strings.NewReader(said))
	if err != nil || len(got) != 3 || got[1<<64-1] != head || got[4] != head || got[5] != head {
		t.Errorf("got %v, %v", got, err)
	}

	failure := errors.New("bad sector")
	if got, err := audit.ReadAnchors(io.MultiReader(strings.NewReader(said), iotest.ErrReader(failure))); err != failure || got != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if err := (audit.Anchors)(nil).CheckEnd(audit.Report{}); err != nil {
		t.Errorf("without anchors: %v", err)
	}
}

// Anchors come by themselves, and not for every line.
func TestAnchorsComeOnceAMinute(t *testing.T) {
	path := newPath(t)
	synctest.Test(t, func(t *testing.T) {
		log, said := anchored(t, path, asText)
		count := func() int { return strings.Count(said.String(), "the audit log's head") }
		add(t, log, 500)
		if count() != 0 {
			t.Errorf("%d anchors at once", count())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if count() != 1 || !strings.Contains(said.String(), "seq=500 ") {
			t.Errorf("after a minute: %s", said)
		}
		time.Sleep(time.Hour)
		if count() != 1 {
			t.Errorf("%d anchors while nothing is written", count())
		}
		add(t, log, 1)
		log.Close()
		if count() != 2 || !strings.Contains(said.String(), "seq=501 ") {
			t.Errorf("at the end: %s", said)
		}
	})
}
