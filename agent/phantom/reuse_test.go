package phantom

import (
	"testing"
	"time"
)

func TestReused(t *testing.T) {
	store, now := New(Config{}), time.Now()
	store.wall = func() time.Time { return now }
	var tokens Reused
	ask := func(user string, generation uint64, refused bool) string {
		t.Helper()
		token, err := tokens.Of(store, Holder{Client: user, Profile: "default", User: user}, generation, refused)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Find(token.Value.Reveal()); err != nil {
			t.Errorf("a token that does not work: %v", err)
		}
		return token.Value.Reveal()
	}
	first := ask("user:1", 1, false)
	if again := ask("user:1", 1, false); again != first {
		t.Error("another token although there is one")
	}
	steps := []struct {
		name string
		get  func() string
	}{
		{"for another user", func() string { return ask("user:2", 1, false) }},
		{"for another generation", func() string { return ask("user:1", 2, false) }},
		{"that was refused", func() string { return ask("user:1", 2, true) }},
		{"that was ended", func() string {
			store.Revoke(ask("user:1", 2, false))
			return ask("user:1", 2, false)
		}},
		{"that is about to end", func() string { now = now.Add(26 * time.Minute); return ask("user:1", 2, false) }},
	}
	before := map[string]bool{first: true}
	for _, step := range steps {
		token := step.get()
		if before[token] {
			t.Errorf("%s: the same token", step.name)
		}
		before[token] = true
	}
}
