//go:build unix

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Files that the program reads again were perhaps cut off, or written by another version, or by a person.

// FuzzPending: an enrolment that is read can be shown, found, and written as it was.
func FuzzPending(f *testing.F) {
	for _, seed := range []string{
		`{"key":"pkcs11:token=demo;object=login?module-name=softhsm2","email":"ana@example.com","step":"request","time":"2026-01-02T03:04:05Z","request":"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"}`,
		`{"key":"piv:slot=9c;serial=1","email":"","step":"stored","upload":"a.pem","management_key":"file:k"}`,
		`{"key":"piv:","step":"key"}`, `{"key":"piv:","step":"new"}`, `{"key":"","step":"key"}`, "null", "[]", "{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := parsePending(data)
		if p == nil {
			return
		}
		if !isSame(p.address(), p.address()) || !mayMean(p.address(), p.address()) || !p.isOf(p.address(), p.public()) {
			t.Errorf("%s is not found by its own address", data)
		}
		if p.waits() == "" {
			t.Error("it does not say what it waits for")
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, parsePending(text)); diff != "" {
			t.Errorf("it has become another (-want +got):\n%s", diff)
		}
	})
}

// FuzzRotation: a rotation that is read is at a step that there is, names keys, and is written as it was.
func FuzzRotation(f *testing.F) {
	for _, seed := range []string{
		`{"profile":"default","config":"/c","step":"requested","time":"2026-01-02T03:04:05Z","old":"piv:slot=9c","old_public":"00","new":"piv:slot=82","email":"ana@example.com"}`,
		`{"step":"switched","old":"pkcs11:object=login?module-name=softhsm2","new":"pkcs11:object=login-2?module-name=softhsm2"}`,
		`{"step":"gone"}`, `{"step":"making","old":"x","new":"y"}`, "null", "[]", "{", "{}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n := new(rotation)
		if n.parse(data) != nil {
			return
		}
		if strings.Contains(n.text(), "no rotation is under way") || mustAddress(n.Old) == nil || mustAddress(n.New) == nil {
			t.Errorf("%s is taken for a rotation", data)
		}
		text, err := json.Marshal(n)
		again := new(rotation)
		if err == nil {
			err = again.parse(text)
		}
		if err != nil || *again != *n && !again.Time.Equal(n.Time) {
			t.Errorf("%+v has become %+v, %v", n, again, err)
		}
	})
}

// FuzzExpiryNote: a note that is read is of a day on which something is told, and keeps nothing back
// that is worse.
func FuzzExpiryNote(f *testing.F) {
	for _, seed := range []string{
		`{"profile":"default","certificate":"00","not_after":"2026-01-02T03:04:05Z","days":7,"time":"2026-01-02T03:04:05Z"}`,
		`{"days":-1}`, `{"days":30}`, `{"days":1e3}`, "null", "{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		note, ok := parseExpiryNote(data)
		if !ok {
			if note != (expiryNote{}) {
				t.Errorf("something is left of what is not a note: %+v", note)
			}
			return
		}
		if days := expiryThreshold(time.Duration(note.Days)*24*time.Hour - time.Second); days != note.Days {
			t.Errorf("%d days are told of at %d", note.Days, days)
		}
		text, err := json.Marshal(note)
		again, ok := parseExpiryNote(text)
		if err != nil || !ok || again != note && !again.Time.Equal(note.Time) {
			t.Errorf("%+v has become %+v, %v", note, again, err)
		}
	})
}
