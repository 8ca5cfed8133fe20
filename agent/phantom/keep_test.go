package phantom_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
)

// TestKeepAndRestore: what another Store has kept lives on to the end that it had, and nothing else
// does.
func TestKeepAndRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issue := func(s *phantom.Store, client string) phantom.Token {
			token, err := s.Issue(phantom.Holder{Client: client, Profile: "default", User: "1000"})
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		before := phantom.New(phantom.Config{})
		ended, old := issue(before, "client:a"), issue(before, "client:a")
		time.Sleep(20 * time.Minute)
		young := issue(before, "client:b")
		before.Revoke(ended.Value.Reveal())
		text, err := json.Marshal(before.Keep())
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []phantom.Token{ended, old, young} {
			if strings.Contains(string(text), token.Value.Reveal()) {
				t.Error("a value is kept")
			}
		}
		var kept []phantom.Kept
		if err := json.Unmarshal(text, &kept); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		after := phantom.New(phantom.Config{})
		if got := after.Restore(append(kept, kept...)); got != 2 {
			t.Errorf("%d are restored", got)
		}
		if _, err := after.Find(ended.Value.Reveal()); err != phantom.ErrUnknown {
			t.Errorf("what has been ended: %v", err)
		}
		found, err := after.Find(old.Value.Reveal())
		if err != nil || found.Holder != old.Holder || found.ID != old.ID || found.RefreshID != old.RefreshID || !found.ExpiresAt.Equal(old.ExpiresAt) {
			t.Errorf("got %+v, %v", found, err)
		}
		time.Sleep(11 * time.Minute)
		if _, err := after.Find(old.Value.Reveal()); err != phantom.ErrExpired {
			t.Errorf("after its life: %v", err)
		}
		if _, err := after.Refresh(young.Value.Reveal()); err != nil {
			t.Errorf("the younger one: %v", err)
		}
	})
}

// TestRestoreFamilies: a token that was asked for with another still ends with it, and does not come
// back without it.
func TestRestoreFamilies(t *testing.T) {
	before := phantom.New(phantom.Config{})
	issue := func(holder phantom.Holder) phantom.Token {
		token, err := before.Issue(holder)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	parent := issue(phantom.Holder{Client: "client:a"})
	child := issue(phantom.Holder{Client: "client:a", Parent: parent.ID})
	all := before.Keep()
	after := phantom.New(phantom.Config{})
	if got := after.Restore(all); got != 2 {
		t.Fatalf("%d are restored", got)
	}
	after.Revoke(parent.Value.Reveal())
	if _, err := after.Find(child.Value.Reveal()); err == nil {
		t.Error("it lives without its parent")
	}
	orphan := phantom.New(phantom.Config{})
	if got := orphan.Restore(all[1:]); got != 0 || orphan.Len() != 0 {
		t.Errorf("%d orphans are restored", got)
	}
}

// TestRestoreBounds: a file of odd content gives no token more than a new one has.
func TestRestoreBounds(t *testing.T) {
	s := phantom.New(phantom.Config{Total: 3, PerClient: 2})
	hash := func(c string) string { return strings.Repeat(c, 64) }
	soon, far := time.Now().Add(time.Minute), time.Now().Add(1000*time.Hour)
	odd := []phantom.Kept{
		{Hash: hash("a"), Client: "a", ExpiresAt: soon}, {Hash: hash("b"), Client: "a", ExpiresAt: far},
		{Hash: hash("c"), Client: "a", ExpiresAt: far}, // too many of one client
		{Hash: hash("a"), Client: "b", ExpiresAt: soon}, {Hash: "", Client: "b", ExpiresAt: soon}, {Hash: "zz", Client: "b", ExpiresAt: soon},
		{Hash: hash("d") + "d", Client: "b", ExpiresAt: soon}, {Hash: hash("d")[1:], Client: "b", ExpiresAt: soon}, {Hash: hash("d"), Client: "b"},
	}
	if got := s.Restore(odd); got != 2 || s.Len() != 2 {
		t.Errorf("%d are restored, %d live", got, s.Len())
	}
	for _, kept := range s.Keep() {
		if time.Until(kept.ExpiresAt) > 35*time.Minute {
			t.Errorf("one lives until %v", kept.ExpiresAt)
		}
	}
	if s.Restore([]phantom.Kept{{Hash: hash("d"), Client: "b", ExpiresAt: far}, {Hash: hash("e"), Client: "c", ExpiresAt: far}}) != 1 {
		t.Error("there is no total")
	}
	if _, err := s.Issue(phantom.Holder{Client: "d"}); !errors.Is(err, phantom.ErrTooMany) {
		t.Error(err)
	}
}
