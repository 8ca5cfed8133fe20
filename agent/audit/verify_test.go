package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/anaplan-agent/anaplan-agent/agent/audit"
)

// sample returns a log of so many lines.
func sample(t testing.TB, lines int) []byte {
	t.Helper()
	path := newPath(t)
	log := open(t, path)
	for i := range lines {
		entry := handedOut
		entry.Detail = fmt.Sprint("entry ", i+1)
		if err := log.Append(entry); err != nil {
			t.Fatal(err)
		}
	}
	log.Close()
	return read(t, path)
}

// brokenAt verifies text, and fails unless it is broken at line and for that reason.
func brokenAt(t *testing.T, text []byte, line int, reason string) {
	t.Helper()
	_, err := audit.Verify(bytes.NewReader(text))
	broken, ok := errors.AsType[*audit.BrokenError](err)
	if !ok {
		t.Errorf("got %v, want line %d: ...%s...", err, line, reason)
		return
	}
	if broken.Line != line || !strings.Contains(broken.Reason, reason) {
		t.Errorf("got %v, want line %d: ...%s...", err, line, reason)
	}
}

// TestAnyChangedByteIsFound changes every bit of every line but the last.
func TestAnyChangedByteIsFound(t *testing.T) {
	text := sample(t, 3)
	last := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
	for i := range last {
		for bit := range 8 {
			text[i] ^= 1 << bit
			if _, err := audit.Verify(bytes.NewReader(text)); err == nil {
				t.Fatalf("byte %d, bit %d: not found", i, bit)
			}
			text[i] ^= 1 << bit
		}
	}
}

// TestAnyChangedFieldIsFound changes each field in the middle, to another good value.
func TestAnyChangedFieldIsFound(t *testing.T) {
	text := sample(t, 5)
	lines := bytes.Split(text, []byte("\n"))
	for _, test := range []struct {
		from, to, reason string
		line             int
	}{
		{`"time":"2`, `"time":"3`, "it was changed", 3},
		{`"seq":3`, `"seq":8`, "it is entry 3, and says that it is 8", 3},
		{`"seq":3`, `"seq":2`, "it is entry 3, and says that it is 2", 3},
		{`"action":"token"`, `"action":"login"`, "it was changed", 3},
		{`"profile":"default"`, `"profile":"other"`, "it was changed", 3},
		{`"result":"ok"`, `"result":"not_allowed"`, "it was changed", 3},
		{`"uid":1000`, `"uid":0`, "it was changed", 3},
		{`"pid":4711`, `"pid":4712`, "it was changed", 3},
		{`python3`, `python2`, "it was changed", 3},
		{`"generation":3`, `"generation":4`, "it was changed", 3},
		{`"detail":"entry 3"`, `"detail":"entry 4"`, "it was changed", 3},
		{`"previous":"`, `"previous":"0`, "it was changed", 2},
		{`"result"`, `"Result"`, "as the agent writes", 3},
		{`"result":"ok"`, `"result":"ok","result":"ok"`, "as the agent writes", 3},
		{`"result":"ok"`, `"result":"ok","token":"x"`, "as the agent writes", 3},
		{`"seq":3`, `"seq":3.0`, "not an entry", 3},
		{`{"time"`, ``, "not an entry", 3},
		{`"action":"token"`, `"action":"truncated"`, "there is none", 3},
		{`"action":"token"`, `"action":"continued"`, "it was changed", 3},
	} {
		changed := slices.Clone(lines)
		changed[2] = bytes.Replace(lines[2], []byte(test.from), []byte(test.to), 1)
		if bytes.Equal(changed[2], lines[2]) {
			t.Fatalf("%s is not in %s", test.from, lines[2])
		}
		brokenAt(t, bytes.Join(changed, []byte("\n")), test.line, test.reason)
	}
}

func TestRemovedMovedAndAddedLinesAreFound(t *testing.T) {
	text := sample(t, 5)
	l := bytes.SplitAfter(text, []byte("\n"))[:5]
	other := bytes.SplitAfter(sample(t, 5), []byte("\n"))[:5]
	for name, test := range map[string]struct {
		lines  [][]byte
		line   int
		reason string
	}{
		"one removed":       {[][]byte{l[0], l[1], l[3], l[4]}, 3, "entries before it were removed: it is entry"},
		"two removed":       {[][]byte{l[0], l[3], l[4]}, 2, "it is entry 4, where 2 should be"},
		"first removed":     {l[1:], 1, "entries before it were removed: it is entry"},
		"swapped":           {[][]byte{l[0], l[2], l[1], l[3], l[4]}, 2, "entries before it were removed: it is entry"},
		"doubled":           {[][]byte{l[0], l[1], l[1], l[2]}, 3, "moved or put in"},
		"another's line":    {[][]byte{l[0], l[1], other[2], l[3]}, 2, "it was changed, or the hash of it in line 3"},
		"nonsense put in":   {[][]byte{l[0], l[1], []byte("hello\n"), l[2]}, 3, "not an entry (invalid character 'h' looking for beginning of value)"},
		"nonsense at last":  {[][]byte{l[0], []byte("hello\n")}, 2, "not an entry"},
		"empty line":        {[][]byte{l[0], []byte("\n"), l[1]}, 2, "not an entry"},
		"cut line":          {[][]byte{l[0], l[1][:50]}, 2, "ends in the middle"},
		"no last line end":  {[][]byte{l[0], bytes.TrimSpace(l[1])}, 2, "ends in the middle"},
		"long line":         {[][]byte{l[0], bytes.Repeat([]byte("x"), 100<<10)}, 2, "longer than 65536 bytes"},
		"other line ends":   {[][]byte{bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))}, 1, "not an entry"},
		"not a log":         {[][]byte{[]byte("127.0.0.1 localhost\n")}, 1, "not an entry"},
		"begins in a chain": {[][]byte{bytes.Replace(l[1], []byte(`"seq":2`), []byte(`"seq":1`), 1)}, 1, "not a first line"},
	} {
		t.Run(name, func(t *testing.T) { brokenAt(t, bytes.Join(test.lines, nil), test.line, test.reason) })
	}
}

// TestNotedBreakIsGuarded changes what stands around the note of a broken line.
func TestNotedBreakIsGuarded(t *testing.T) {
	path := newPath(t)
	text := sample(t, 3)
	os.WriteFile(path, text[:len(text)-20], 0o600)
	add(t, open(t, path), 1)
	l := bytes.SplitAfter(read(t, path), []byte("\n"))
	join := func(lines ...[]byte) []byte { return bytes.Join(lines, nil) }
	brokenAt(t, join(l[0], l[1], l[3], l[4]), 3, "there is none")
	brokenAt(t, join(l[0], l[1], l[2], l[4]), 3, "not an entry")
	brokenAt(t, join(l[0], l[2], l[3], l[4]), 2, "lines before it were changed or removed")
	brokenAt(t, join(l[0], l[1], l[2][1:], l[3], l[4]), 3, "changed after its break was noted in line 4")
	brokenAt(t, join(l[0], l[1], l[2], []byte("x\n"), l[3], l[4]), 3, "changed after its break was noted in line 5")
}

func TestFollows(t *testing.T) {
	before := audit.Report{Head: "head", LastSeq: 5}
	const other = "line 1: it goes on from another file, or lines are missing at the end of the one before"
	for want, reports := range map[string][]audit.Report{
		"": {{Continues: "head", FirstSeq: 6}, {Continues: "head", FirstSeq: 6, Emptied: true}},
		"line 1: a chain of its own begins here, which goes on from no other file": {{FirstSeq: 6}, {FirstSeq: 1, Emptied: true}},
		"line 1: the file was emptied while it was open (logrotate's copytruncate?), and the last 2 entries before are not in the copy: rotate by renaming and reload": {
			{Continues: "another", FirstSeq: 8, Emptied: true},
		},
		other: {{Continues: "another", FirstSeq: 6}, {Continues: "head", FirstSeq: 7}, {Continues: "another", FirstSeq: 8}, {Continues: "another", FirstSeq: 6, Emptied: true}},
	} {
		for _, report := range reports {
			got := ""
			if err := report.Follows(before); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%+v: %q, want %q", report, got, want)
			}
		}
	}
}

func TestEmptyLogIsWhole(t *testing.T) {
	if report, err := audit.Verify(strings.NewReader("")); err != nil || report.Lines != 0 {
		t.Errorf("got %+v, %v", report, err)
	}
}

func TestReadErrorsAreNoBreak(t *testing.T) {
	failure := errors.New("bad sector")
	_, err := audit.Verify(iotest.ErrReader(failure))
	if _, isBreak := errors.AsType[*audit.BrokenError](err); isBreak || !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}

// FuzzVerify: nothing panics; a log that is whole has no line that could be changed but the
// last; an agent that opens it goes on with it, and what it leaves is whole.
func FuzzVerify(f *testing.F) {
	text := sample(f, 3)
	f.Add(text, 70)
	f.Add(text[:len(text)-30], 3)
	f.Add([]byte("{}\n"), 0)
	f.Add([]byte(`{"time":"0001-01-01T00:00:00Z","seq":1,"action":"","result":"","previous":"`+strings.Repeat("0", 64)+"\"}\n"), 0)
	path := filepath.Join(f.TempDir(), "noted.log")
	os.WriteFile(path, text[:len(text)-30], 0o600)
	add(f, open(f, path), 1)
	f.Add(read(f, path), 900)
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		report, err := audit.Verify(bytes.NewReader(text))
		if err == nil {
			fuzzWhole(t, text, report, at)
		}
		fuzzOpen(t, text, err == nil)
	})
}

func fuzzWhole(t *testing.T, text []byte, report audit.Report, at int) {
	lines := bytes.SplitAfter(text, []byte("\n"))
	if report.Lines != len(lines)-1 {
		t.Fatalf("%d lines, want %d", report.Lines, len(lines)-1)
	}
	if report.Lines < 2 {
		return
	}
	if n := json.Unmarshal(lines[report.Lines-1], new(any)); n != nil {
		t.Fatalf("the last line is not JSON")
	}
	changed := slices.Clone(text)
	last := len(text) - len(lines[report.Lines-1])
	changed[((at%last)+last)%last] ^= 1
	if _, err := audit.Verify(bytes.NewReader(changed)); err == nil {
		t.Fatalf("a change at %d was not found", at)
	}
}

func fuzzOpen(t *testing.T, text []byte, isWhole bool) {
	path := newPath(t)
	os.WriteFile(path, text, 0o600)
	log, err := audit.Open(path, audit.Options{})
	if err != nil {
		return
	}
	defer log.Close()
	add(t, log, 1)
	if isWhole {
		whole(t, path)
	}
	if !bytes.HasPrefix(read(t, path), text) {
		t.Fatal("what was there is gone")
	}
}

func BenchmarkVerify(b *testing.B) {
	text := sample(b, 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := audit.Verify(bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
