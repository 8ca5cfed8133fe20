package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/anaplan-agent/anaplan-agent/agent/audit"
	"github.com/google/go-cmp/cmp"
)

func open(t testing.TB, path string) *audit.Log {
	t.Helper()
	log, err := audit.Open(path, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

func add(t testing.TB, log *audit.Log, count int) {
	t.Helper()
	for range count {
		if err := log.Append(handedOut); err != nil {
			t.Fatal(err)
		}
	}
}

var handedOut = audit.Entry{
	Action: audit.Token, Profile: "default", Generation: 3,
	Caller: &audit.Caller{UID: 1000, PID: 4711, Executable: "/usr/bin/python3"},
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// whole verifies a file and returns what was found.
func whole(t testing.TB, path string) audit.Report {
	t.Helper()
	report, err := audit.Verify(bytes.NewReader(read(t, path)))
	if err != nil {
		t.Fatalf("%v in\n%s", err, read(t, path))
	}
	return report
}

// newPath returns the path of a log for the test. One that hangs, as at a lock that nobody releases,
// ends all of them.
func newPath(t testing.TB) string {
	if _, ok := t.(*testing.T); ok {
		timer := time.AfterFunc(2*time.Minute, func() { panic(t.Name() + " hangs") })
		t.Cleanup(func() { timer.Stop() })
	}
	return filepath.Join(t.TempDir(), "audit.log")
}

func TestLinesAreAsDocumented(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	add(t, log, 1)
	if err := log.Append(audit.Entry{Action: audit.Signature, Profile: "p", Result: "pin_refused", Detail: `<serial> "1"`}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(read(t, path)), "\n")
	rest := func(line string) string { _, rest, _ := strings.Cut(line, `Z",`); return rest }
	want := `"seq":1,"action":"token","profile":"default","result":"ok","caller":{"uid":1000,"pid":4711,"executable":"/usr/bin/python3"},"generation":3,"previous":"` + strings.Repeat("0", 64) + `"}`
	if got := rest(lines[0]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if want := `"seq":2,"action":"signature","profile":"p","result":"pin_refused","detail":"<serial> \"1\"","previous":"`; !strings.HasPrefix(rest(lines[1]), want) {
		t.Errorf("got  %s\nwant %s...", rest(lines[1]), want)
	}
	if report := whole(t, path); report.Lines != 2 || report.FirstSeq != 1 || report.LastSeq != 2 || report.First.IsZero() || report.Last.Before(report.First) {
		t.Errorf("report %+v", report)
	}
}

// TestCallersOfWindows: they have no number, and lines without an SID are as they were.
func TestCallersOfWindows(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	entry := handedOut
	entry.Caller = &audit.Caller{UID: -1, SID: "S-1-5-21-1-2-3-1001", PID: 4711, Executable: `C:\python.exe`}
	for _, e := range []audit.Entry{entry, handedOut} {
		if err := log.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	log.Close()
	text := string(read(t, path))
	for _, want := range []string{`"caller":{"uid":-1,"sid":"S-1-5-21-1-2-3-1001","pid":4711,"executable":"C:\\python.exe"}`, `"caller":{"uid":1000,"pid":4711,`} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
	if report := whole(t, path); report.Lines != 2 {
		t.Errorf("got %+v", report)
	}
}

func TestLongAndOddTextsStayALine(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	texts := []string{strings.Repeat("ä\xff\x1b]0;\n\u202e\"\\", 5000), "\xff", "a\xc3", "\x1b", strings.Repeat("\xff", 5000), strings.Repeat("ä", 5000)}
	for _, odd := range texts {
		err := log.Append(audit.Entry{
			Action: audit.Denial, Profile: odd, Client: odd, Result: odd, Detail: odd, Caller: &audit.Caller{Executable: odd},
			Call: &audit.Call{Method: odd, Path: odd},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	whole(t, path)
	text := read(t, path)
	if bytes.Count(text, []byte("\n")) != len(texts) || !utf8.Valid(text) || bytes.ContainsAny(text, "\x1b\u202e") {
		t.Errorf("the lines are: %s", text)
	}
	for line := range bytes.Lines(text) {
		if len(line) > 16<<10 {
			t.Errorf("a line has %d bytes", len(line))
		}
	}
}

// TestLongTextsAreKept has long texts keep as much as a line has room for, from their beginning.
func TestLongTextsAreKept(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	long := strings.Repeat("aä", 2000)
	err := log.Append(audit.Entry{
		Action: audit.Action(long), Profile: long, Client: long, Result: long, Detail: long,
		Caller: &audit.Caller{Executable: long}, Call: &audit.Call{Method: long, Path: long},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Action, Profile, Client, Result, Detail string
		Caller                                  struct{ Executable string }
		Call                                    struct{ Method, Path string }
	}
	if err := json.Unmarshal(read(t, path), &got); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]struct {
		got  string
		room int
	}{
		"action": {got.Action, 128}, "profile": {got.Profile, 128}, "client": {got.Client, 128}, "result": {got.Result, 128}, "method": {got.Call.Method, 128},
		"detail": {got.Detail, 1024}, "executable": {got.Caller.Executable, 1024}, "path": {got.Call.Path, 1024},
	} {
		kept, cut := strings.CutSuffix(text.got, "…")
		if !cut || !strings.HasPrefix(long, kept) || len(text.got) > text.room || len(text.got) < text.room-3 {
			t.Errorf("%s has %d bytes, want almost %d: %q", name, len(text.got), text.room, text.got)
		}
	}
	exact, text := strings.Repeat("x", 128), strings.Repeat("x", 1024)
	log.Append(audit.Entry{Action: audit.Login, Profile: exact, Client: exact + "x", Detail: text, Caller: &audit.Caller{Executable: text + "x"}})
	for what, want := range map[string]string{
		"a word that just fits is cut":            `"profile":"` + exact + `"`,
		"a text that just fits is cut":            `"detail":"` + text + `"`,
		"a word that is too long has another end": `"client":"` + exact[3:] + `…"`,
		"a text that is too long has another end": `"executable":"` + text[3:] + `…"`,
	} {
		if !bytes.Contains(read(t, path), []byte(want)) {
			t.Error(what)
		}
	}
}

// What does not print takes the room of the character that stands for it, and a text that it makes
// too long is cut.
func TestUnprintableTextsAreCut(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	for in, want := range map[string]string{
		"a\x1bb":                              "a\ufffdb",
		strings.Repeat("x", 127) + "\n":       strings.Repeat("x", 125) + "…",
		strings.Repeat("x", 128) + "\n":       strings.Repeat("x", 125) + "…",
		"\n" + strings.Repeat("x", 125):       "\ufffd" + strings.Repeat("x", 125),
		"\n" + strings.Repeat("x", 126):       "\ufffd" + strings.Repeat("x", 122) + "…",
		strings.Repeat("x", 124) + "äxxx\xff": strings.Repeat("x", 124) + "…",
	} {
		if err := log.Append(audit.Entry{Action: audit.Login, Profile: in}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(read(t, path))), "\n")
		var got struct{ Profile string }
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil || got.Profile != want {
			t.Errorf("%q: %q, %v; want %q", in, got.Profile, err, want)
		}
	}
}

// Programs look for these words.
func TestActions(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	for action, want := range map[audit.Action]string{
		audit.Signature: "signature", audit.Login: "login", audit.Refresh: "refresh", audit.Logout: "logout", audit.Unlock: "unlock",
		audit.Lock: "lock", audit.Reload: "reload", audit.Stop: "stop", audit.RenewCA: "renew-ca", audit.Token: "token", audit.Phantom: "phantom", audit.CallMade: "call", audit.Tunnel: "tunnel", audit.Denial: "denial",
	} {
		if err := log.Append(audit.Entry{Action: action}); err != nil || !bytes.Contains(read(t, path), []byte(`"action":"`+want+`"`)) {
			t.Errorf("%q is not written as %q: %v", action, want, err)
		}
	}
}

// TestCallsAreWrittenWhole has each number of a call in the line.
func TestCallsAreWrittenWhole(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	log.Append(audit.Entry{Action: audit.CallMade, Client: "client:c", Call: &audit.Call{Method: "PUT", Path: "/2/0/x", Status: 204, Sent: 11, Received: 22, Millis: 33, Trace: "4bf9"}})
	if want := `"client":"client:c","call":{"method":"PUT","path":"/2/0/x","status":204,"sent":11,"received":22,"ms":33,"trace":"4bf9"},`; !bytes.Contains(read(t, path), []byte(want)) {
		t.Errorf("got %s, want ...%s...", read(t, path), want)
	}
}

func TestReservedActionsAreRefused(t *testing.T) {
	log := open(t, newPath(t))
	for _, action := range []audit.Action{"", "continued", "emptied", "resumed", "truncated"} {
		if err := log.Append(audit.Entry{Action: action}); err == nil || err.Error() != fmt.Sprintf("an audit entry cannot have the action %q", action) {
			t.Errorf("the action %q: %v", action, err)
		}
	}
}

func TestRestartContinues(t *testing.T) {
	path := newPath(t)
	for range 3 {
		log := open(t, path)
		add(t, log, 4)
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if err := log.Close(); err != nil {
			t.Errorf("closing again: %v", err)
		}
		if err := log.Append(handedOut); !errors.Is(err, os.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if err := log.Reopen(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Reopen after Close: %v", err)
		}
	}
	if report := whole(t, path); report.Lines != 12 || report.LastSeq != 12 || report.Truncated != nil {
		t.Errorf("report %+v", report)
	}
}

// TestPowerCut has the file end at every byte of its last three lines: the log goes on,
// everything that was there stays there, and the break is noted.
func TestPowerCut(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	add(t, log, 3)
	log.Close()
	text := read(t, path)
	for length := range len(text) {
		if err := os.WriteFile(path, text[:length], 0o600); err != nil {
			t.Fatal(err)
		}
		log, err := audit.Open(path, audit.Options{})
		if err != nil {
			if length < len(`{"time":"`) {
				continue // not to be told from somebody else's file
			}
			t.Fatalf("cut after %d bytes: %v", length, err)
		}
		add(t, log, 1)
		log.Close()
		report := whole(t, path)
		if !bytes.HasPrefix(read(t, path), text[:length]) {
			t.Fatalf("cut after %d bytes: what was there is gone", length)
		}
		atLineEnd := length == 0 || text[length-1] == '\n' || text[length] == '\n'
		if got, want := len(report.Truncated) == 1, !atLineEnd; got != want {
			t.Fatalf("cut after %d bytes: noted: %v, want %v", length, got, want)
		}
	}
}

// TestPowerCutTwice cuts the note of a cut at each byte.
func TestPowerCutTwice(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	add(t, log, 2)
	log.Close()
	text := read(t, path)
	text = text[:len(text)-9]
	os.WriteFile(path, text, 0o600)
	open(t, path).Close()
	noted := read(t, path)
	for length := len(text); length < len(noted); length++ {
		os.WriteFile(path, noted[:length], 0o600)
		log := open(t, path)
		add(t, log, 1)
		log.Close()
		if report := whole(t, path); len(report.Truncated) != 1 || report.LastSeq != 3 {
			t.Fatalf("cut after %d of %d bytes: %+v", length, len(noted), report)
		}
	}
}

// TestZerosAtTheEnd: some file systems leave them after a power cut.
func TestZerosAtTheEnd(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	add(t, log, 2)
	log.Close()
	os.WriteFile(path, append(read(t, path), make([]byte, 4096)...), 0o600)
	add(t, open(t, path), 1)
	if report := whole(t, path); !cmp.Equal(report.Truncated, []int{4}) || report.LastSeq != 4 {
		t.Errorf("report %+v", report)
	}
}

// So much behind the last entry is read over, and more of it is something else than an agent's.
func TestLongestBreak(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	add(t, log, 2)
	log.Close()
	text := read(t, path)
	const longest = 64 << 10
	os.WriteFile(path, append(text, make([]byte, longest+1)...), 0o600)
	if _, err := audit.Open(path, audit.Options{}); err == nil || !strings.Contains(err.Error(), "its end is damaged") {
		t.Errorf("%d bytes: %v", longest+1, err)
	}
	os.WriteFile(path, append(text, make([]byte, longest)...), 0o600)
	open(t, path)
	if report := whole(t, path); !cmp.Equal(report.Truncated, []int{4}) || report.LastSeq != 3 {
		t.Errorf("report %+v", report)
	}
}

func TestRotation(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	add(t, log, 3)
	if err := log.Reopen(); err != nil {
		t.Fatalf("with the file in place: %v", err)
	}
	add(t, log, 1)
	old := path + ".1"
	if err := os.Rename(path, old); err != nil {
		t.Fatal(err)
	}
	add(t, log, 1) // between the renaming and the signal
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err) // as logrotate's create does
	}
	if err := log.Reopen(); err != nil {
		t.Fatal(err)
	}
	add(t, log, 2)

	before, after := whole(t, old), whole(t, path)
	if before.LastSeq != 5 || after.FirstSeq != 6 || after.LastSeq != 8 || after.Continues != before.Head {
		t.Errorf("before %+v\nafter  %+v", before, after)
	}
	if err := after.Follows(before); err != nil {
		t.Error(err)
	}
	if err := before.Follows(after); err == nil {
		t.Error("the files may change places")
	}

	// The old file may be opened by others now, and is let go of.
	add(t, open(t, old), 1)
	if err := after.Follows(whole(t, old)); err == nil {
		t.Error("a line more at the end of the old file is not found")
	}
}

// TestCopytruncate empties the file while it is open, after it was copied, as logrotate can be told
// to.
func TestCopytruncate(t *testing.T) {
	path := newPath(t)
	log, said := anchored(t, path, asText)
	add(t, log, 3)
	copied := read(t, path)
	os.WriteFile(path+".1", copied, 0o600)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	add(t, log, 2)
	before, after := whole(t, path+".1"), whole(t, path)
	if after.Lines != 3 || after.FirstSeq != 4 || !after.Emptied {
		t.Errorf("after %+v", after)
	}
	if err := after.Follows(before); err != nil {
		t.Error(err)
	}
	// Once more, and a line comes between the copy and the emptying.
	os.WriteFile(path+".2", read(t, path), 0o600)
	add(t, log, 1)
	os.Truncate(path, 0)
	add(t, log, 1)
	err := whole(t, path).Follows(whole(t, path+".2"))
	if err == nil || !strings.Contains(err.Error(), "copytruncate") || !strings.Contains(err.Error(), "the last 1 entries before are not in the copy") {
		t.Errorf("a line that was lost: %v", err)
	}
	// A file that was cut to something else is not a rotation.
	text := read(t, path)
	os.Truncate(path, int64(bytes.IndexByte(text, '\n')+1))
	add(t, log, 1)
	if _, err := audit.Verify(bytes.NewReader(read(t, path))); err == nil || !strings.Contains(err.Error(), "entries before it were removed") {
		t.Errorf("a line cut off: %v", err)
	}
	for words, want := range map[string]int{"the audit log was emptied, and goes on from there": 2, "the audit log was changed by somebody else": 1} {
		if got := strings.Count(said.String(), words); got != want {
			t.Errorf("%q is said %d times, want %d", words, got, want)
		}
	}
}

// What somebody else adds is told of and left there, for the chain shows it.
func TestForeignLineStays(t *testing.T) {
	path := newPath(t)
	log, said := anchored(t, path, asText)
	add(t, log, 1)
	before := read(t, path)
	os.WriteFile(path, append(before, "hello\n"...), 0o600)
	add(t, log, 2)
	if text := read(t, path); !bytes.HasPrefix(text, append(before, "hello\n"...)) {
		t.Errorf("the file is\n%s", text)
	}
	if want := fmt.Sprintf("bytes=%d want=%d", len(before)+len("hello\n"), len(before)); strings.Count(said.String(), "changed by somebody else") != 1 || !strings.Contains(said.String(), want) {
		t.Errorf("said %s, want ...%s", said, want)
	}
}

// TestRemovedFile has somebody remove the file of a running agent: what comes is in another of that
// name.
func TestRemovedFile(t *testing.T) {
	path := newPath(t)
	log, said := anchored(t, path, asText)
	add(t, log, 3)
	before := whole(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	add(t, log, 2)
	after := whole(t, path)
	if after.Lines != 3 || after.Emptied || after.Follows(before) != nil {
		t.Errorf("after %+v", after)
	}
	if strings.Count(said.String(), "the audit log was removed; a new one is begun") != 1 {
		t.Errorf("said %s", said)
	}
	os.RemoveAll(filepath.Dir(path))
	if err := log.Append(handedOut); err == nil {
		t.Error("a line was written nowhere")
	}
}

func TestCutEndIsFoundByTheNextFile(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	add(t, log, 3)
	os.Rename(path, path+".1")
	if err := log.Reopen(); err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(read(t, path+".1"), []byte("\n"))
	os.WriteFile(path+".1", bytes.Join(lines[:2], nil), 0o600)
	err := whole(t, path).Follows(whole(t, path+".1"))
	if err == nil || !strings.Contains(err.Error(), "missing at the end") {
		t.Errorf("got %v", err)
	}
}

func TestReopenFails(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "log")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory, "audit.log")
	log := open(t, path)
	add(t, log, 1)
	os.Rename(directory, directory+".away")
	if err := log.Reopen(); err == nil || !strings.Contains(err.Error(), "no directory "+directory) {
		t.Errorf("got %v", err)
	}
	add(t, log, 1)
	if report := whole(t, filepath.Join(directory+".away", "audit.log")); report.Lines != 2 {
		t.Errorf("report %+v", report)
	}
}

// TestReopenOnAnOlderFile: the path names a log that exists already.
func TestReopenOnAnOlderFile(t *testing.T) {
	path := newPath(t)
	older := open(t, path+".older")
	add(t, older, 2)
	older.Close()
	log := open(t, path)
	add(t, log, 5)
	os.Rename(path+".older", path)
	if err := log.Reopen(); err != nil {
		t.Fatal(err)
	}
	add(t, log, 1)
	if report := whole(t, path); report.LastSeq != 4 || report.Continues != "" {
		t.Errorf("report %+v", report)
	}
}

func TestTwoWritersAreRefused(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	_, err := audit.Open(path, audit.Options{})
	if !errors.Is(err, audit.ErrInUse) || !strings.HasPrefix(err.Error(), "audit log "+path+": another process writes it") ||
		!strings.HasSuffix(err.Error(), ": give each agent a log of its own") {
		t.Errorf("got %v", err)
	}
	add(t, log, 1)
	log.Close()
	open(t, path)
}

func TestOpenRefuses(t *testing.T) {
	directory := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		os.Chmod(path, mode)
		return path
	}
	for _, test := range []struct{ path, want string }{
		{filepath.Join(directory, "nowhere", "audit.log"), "no directory " + filepath.Join(directory, "nowhere")},
		{directory, "is a directory"},
		{os.DevNull, "not a regular file"},
		{file("open", "", 0o666), "others may write it (mode 0666)"},
		{file("group", "", 0o620), "others may write it (mode 0620)"},
		{file("others", "", 0o602), "others may write it (mode 0602)"},
		{file("endless", `{"time":"`+strings.Repeat("x", 64<<10), 0o600), "its end is damaged"},
		{file("hosts", "127.0.0.1 localhost\n", 0o600), "something else"},
		{file("one", "127.0.0.1", 0o600), "something else"},
		{file("large", strings.Repeat("x", 1<<20), 0o600), "something else"},
		{file("zeros", strings.Repeat("\x00", 100), 0o600), "something else"},
	} {
		log, err := audit.Open(test.path, audit.Options{})
		if err == nil {
			log.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.path) {
			t.Errorf("%s: got %v, want ...%s...", test.path, err, test.want)
		}
	}
	if info, err := os.Stat(filepath.Join(directory, "hosts")); err != nil || info.Size() != 20 {
		t.Error("a file that is not a log was written to")
	}
}

func TestModeOfTheFile(t *testing.T) {
	path := newPath(t)
	open(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestConcurrentAppends(t *testing.T) {
	const callers, each = 16, 50
	path := newPath(t)
	log := open(t, path)
	var wait sync.WaitGroup
	for caller := range callers {
		wait.Go(func() {
			for i := range each {
				if err := log.Append(audit.Entry{Action: audit.Token, Detail: fmt.Sprint(caller, " ", i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Go(func() {
		for range 5 {
			os.Rename(path, fmt.Sprintf("%s.%d", path, len(old(path))+1))
			if err := log.Reopen(); err != nil {
				t.Error(err)
			}
		}
	})
	wait.Wait()
	var before audit.Report
	entries := 0
	for _, file := range append(old(path), path) {
		report := whole(t, file)
		if before.Lines > 0 {
			if err := report.Follows(before); err != nil {
				t.Error(err)
			}
			entries-- // the one that says so
		}
		entries += report.Lines
		before = report
	}
	if entries != callers*each {
		t.Errorf("%d entries, want %d", entries, callers*each)
	}
}

// old returns the files that path was renamed to, oldest first; there are less than ten.
func old(path string) []string {
	files, _ := filepath.Glob(path + ".*")
	return files
}

func BenchmarkAppendParallel(b *testing.B) {
	for _, callers := range []int{8, 64} {
		b.Run(strconv.Itoa(callers), func(b *testing.B) {
			log := open(b, newPath(b))
			b.SetParallelism(callers / runtime.GOMAXPROCS(0))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := log.Append(handedOut); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	log := open(b, newPath(b))
	b.ReportAllocs()
	for b.Loop() {
		if err := log.Append(handedOut); err != nil {
			b.Fatal(err)
		}
	}
}
