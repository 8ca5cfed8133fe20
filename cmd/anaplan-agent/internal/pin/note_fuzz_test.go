package pin

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// Notes as versions of this program have written them.
var noteSeeds = []string{
	`{"state":"sending","time":"2026-01-02T03:04:05Z","pin":"abcd:efgh","unclear":1,"tries":2}` + "\n" + `{"token":"demo","source":"env:PIN","serial":"1","counts":true,"refused":["abcd:aaaa"]}` + "\n",
	`{"state":"taken","time":"2026-01-02T03:04:05Z","pin":"abcd:efgh","worked":"abcd:efgh"}` + "\n" + `{"token":"1234","card":true,"source":"file:/pin"}`,
	`{"token":"demo","source":"command:pass show pin","time":"2025-01-02T03:04:05Z"}`,
	`{"state":"refused","time":"2026-01-02T03:04:05Z","row":-1,"unclear":99999}` + "\n" + `{"source":"env:PIN"}`,
	"null", "{}", "\n", "[]", "\x00\x00",
}

// FuzzNote: a note that is read is written as the same, and about each PIN it says something that does
// not send one more often than the rule has it.
func FuzzNote(f *testing.F) {
	for _, seed := range noteSeeds {
		f.Add([]byte(seed), 3, 0)
	}
	f.Fuzz(func(t *testing.T, data []byte, tries, low int) {
		n, err := parseNote(data)
		if err != nil {
			return
		}
		roundTrip(t, n)
		key := markKey(bytes.Repeat([]byte("k"), keyLength))
		counter := hardware.FlagCounter(hardware.PINState(low))
		if n.about.Card {
			counter = hardware.TryCounter(tries)
		}
		u := use{mark: key.of("place", []byte("1234")), source: n.about.Source, device: n.about.device(), counter: counter}
		at := n.Time.Add(time.Hour)
		n.judge(u.mark, u.counter, at)
		n.judge("", hardware.PINCounter{}, at)
		sent := n.sending(u, at)
		if refused := sent.refused(at); refused.judgeAlone(u.mark, at) != isRefused {
			t.Errorf("a PIN that was refused after %q may be sent: %+v", data, refused)
		}
		if taken := sent.taken(at); taken.judgeAlone(u.mark, at) != mayBeSent {
			t.Errorf("a PIN that was taken after %q may not be sent: %+v", data, taken)
		}
		if got := sent.judgeAlone(u.mark, at); got == mayBeSent && n.Worked.compare(u.mark) != same {
			t.Errorf("a PIN whose fate is not known may be sent again at once after %q", data)
		}
	})
}

// judgeAlone judges without a counter.
func (n note) judgeAlone(pin mark, at time.Time) judgement {
	got, _ := n.judge(pin, hardware.PINCounter{}, at)
	return got
}

// roundTrip fails unless the note is the same once it is written and read.
func roundTrip(t *testing.T, n note) {
	first, err := n.firstLine()
	if err != nil {
		return // too long for one of this program's
	}
	second, err := json.Marshal(n.about)
	if err != nil {
		t.Fatal(err)
	}
	again, err := parseNote(append(first, second...))
	if err != nil || !again.isLike(n) || !again.about.equal(n.about) || again.Worked != n.Worked || again.Row != n.Row || again.Tries != n.Tries || again.Low != n.Low {
		t.Errorf("%+v has become %+v, %v", n, again, err)
	}
}

// FuzzLearn: whatever a signer process has the agent remember, the next one can be given it.
func FuzzLearn(f *testing.F) {
	f.Add([]byte(`{"name":"a.json","note":{"state":"refused","time":"2026-01-02T03:04:05Z"},"about":{"token":"demo","source":"typed:default"},"identity":"x"}`), []byte(`{"name":"b.json","about":{"source":"env:PIN"}}`))
	f.Add([]byte(`null`), []byte(`{"name":1}`))
	profile := &config.Profile{Name: "default", PIN: config.PINSource{Kind: config.PINEnv, Arg: "PIN"}}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		memory := NewMemory("", nil)
		memory.Learn(first)
		memory.Learn(second)
		text := memory.Give(profile)
		if len(text) > 2*maxGiven {
			t.Errorf("a signer process is given %d bytes", len(text))
		}
		book, err := Take(text, func(json.RawMessage) {})
		if err != nil {
			t.Fatalf("it cannot be given on: %v\n%s", err, text)
		}
		for name := range book.notes {
			if _, _, err := book.read(name, false); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
		memory.Typed("default")
		memory.Retype("default")
		if typed := memory.Typed("default"); typed.Spent {
			t.Errorf("what was retyped is spent: %+v", typed)
		}
	})
}

// FuzzTake: what a signer process is given is a memory, or an error.
func FuzzTake(f *testing.F) {
	memory := NewMemory("/state", []string{"/cache"})
	f.Add([]byte(memory.Give(&config.Profile{Name: "default"})))
	f.Add([]byte(`{"own":"AA==","dirs":[""],"entries":[{"name":"../../x","note":{"state":"taken"},"about":{"source":"env:PIN"}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		book, err := Take(text, func(json.RawMessage) {})
		if (err == nil) == (book == nil) {
			t.Fatalf("%v, %v", book, err)
		}
		if book != nil && len(book.own) != keyLength && book.own.of("place", []byte("1234")) != "" {
			t.Error("half a key makes marks")
		}
	})
}
