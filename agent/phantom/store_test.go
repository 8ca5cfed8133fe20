package phantom_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const life = 35 * time.Minute

var nightly = phantom.Holder{Client: "client:nightly", Profile: "default"}

func user(uid int) phantom.Holder {
	return phantom.Holder{Client: fmt.Sprintf("user:%d", uid), Profile: "default", User: strconv.Itoa(uid)}
}

func issue(t testing.TB, s *phantom.Store, holder phantom.Holder) phantom.Token {
	t.Helper()
	token, err := s.Issue(holder)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// wantFind fails the test unless Find of the token ends so.
func wantFind(t testing.TB, when string, s *phantom.Store, token phantom.Token, want error) {
	t.Helper()
	if _, err := s.Find(token.Value.Reveal()); err != want {
		t.Errorf("%s: Find: %v, want %v", when, err, want)
	}
}

func wantLen(t testing.TB, when string, s *phantom.Store, want int) {
	t.Helper()
	if got := s.Len(); got != want {
		t.Errorf("%s: %d tokens, want %d", when, got, want)
	}
}

func TestIssueAndFind(t *testing.T) {
	s := phantom.New(phantom.Config{})
	before := time.Now()
	token := issue(t, s, nightly)
	if got := token.ExpiresAt.Sub(before); got < life || got > life+time.Minute {
		t.Errorf("expires after %v, want %v", got, life)
	}
	if token.Holder != nightly {
		t.Errorf("issued to %+v", token.Holder)
	}
	got, err := s.Find(token.Value.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if !got.Value.IsZero() {
		t.Error("Find returned the value")
	}
	if diff := cmp.Diff(token, got, cmpopts.IgnoreFields(phantom.Token{}, "Value")); diff != "" {
		t.Errorf("found another token than issued (-issued +found):\n%s", diff)
	}
}

func TestTokensLookAsDocumented(t *testing.T) {
	value := regexp.MustCompile(`^aap_[A-Za-z0-9_-]{43}$`)
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	s := phantom.New(phantom.Config{})
	seen := map[string]bool{}
	for range 1000 {
		token := issue(t, s, nightly)
		if !value.MatchString(token.Value.Reveal()) {
			t.Fatal("the value does not look like one")
		}
		if !uuid.MatchString(token.ID) || !uuid.MatchString(token.RefreshID) {
			t.Fatalf("IDs %q and %q", token.ID, token.RefreshID)
		}
		for _, text := range []string{token.Value.Reveal(), token.ID, token.RefreshID} {
			if seen[text] {
				t.Fatal("the same twice")
			}
			seen[text] = true
		}
	}
}

func TestForeignValues(t *testing.T) {
	s := phantom.New(phantom.Config{})
	value := issue(t, s, nightly).Value.Reveal()
	foreign := issue(t, phantom.New(phantom.Config{}), nightly).Value.Reveal()
	for _, text := range []string{
		"", "x", foreign, value[:len(value)-1], value + "=", " " + value, strings.ToUpper(value), "AAP_" + value[4:], value[4:],
		strings.Repeat("a", len(value)), strings.Repeat("a", 1<<20), "aap_\x00" + value[5:],
	} {
		_, found := s.Find(text)
		_, refreshed := s.Refresh(text)
		if revoked := s.Revoke(text); found != phantom.ErrUnknown || refreshed != phantom.ErrUnknown || revoked != phantom.ErrUnknown {
			t.Errorf("%d bytes that are not a token: Find %v, Refresh %v, Revoke %v", len(text), found, refreshed, revoked)
		}
	}
	wantLen(t, "after foreign values", s, 1)
}

func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := phantom.New(phantom.Config{})
		token := issue(t, s, nightly)
		time.Sleep(life - time.Nanosecond)
		wantFind(t, "at the last moment", s, token, nil)
		time.Sleep(time.Nanosecond)
		wantFind(t, "at the end", s, token, phantom.ErrExpired)
		wantLen(t, "at the end", s, 0)
		if _, err := s.Refresh(token.Value.Reveal()); err != phantom.ErrExpired {
			t.Errorf("Refresh after the end: %v", err)
		}
		if err := s.Revoke(token.Value.Reveal()); err != phantom.ErrExpired {
			t.Errorf("Revoke after the end: %v", err)
		}
		time.Sleep(life - time.Nanosecond)
		wantFind(t, "a life after the end", s, token, phantom.ErrExpired)
		time.Sleep(time.Nanosecond)
		wantFind(t, "later", s, token, phantom.ErrUnknown)
		wantKnown(t, "later", s, 0, 0)
	})
}

func wantKnown(t testing.TB, when string, s *phantom.Store, tokens, clients int) {
	t.Helper()
	if gotTokens, gotClients := s.Known(); gotTokens != tokens || gotClients != clients {
		t.Errorf("%s: %d tokens of %d clients are known, want %d of %d", when, gotTokens, gotClients, tokens, clients)
	}
}

func TestLifeOfChoice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := phantom.New(phantom.Config{Life: time.Second})
		token := issue(t, s, nightly)
		if got := time.Until(token.ExpiresAt); got != time.Second {
			t.Errorf("expires in %v", got)
		}
		time.Sleep(time.Second)
		wantFind(t, "after a second", s, token, phantom.ErrExpired)
	})
}

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := phantom.New(phantom.Config{})
		token, other := issue(t, s, nightly), issue(t, s, nightly)
		ids := map[string]bool{token.RefreshID: true}
		for i := range 3 {
			time.Sleep(life - time.Minute)
			got, err := s.Refresh(token.Value.Reveal())
			if err != nil {
				t.Fatal(err)
			}
			if got.Value.Reveal() != token.Value.Reveal() || got.ID != token.ID || got.Holder != token.Holder {
				t.Errorf("refresh %d gave another token", i+1)
			}
			if ids[got.RefreshID] {
				t.Errorf("refresh %d has the RefreshID of another", i+1)
			}
			ids[got.RefreshID] = true
			if left := time.Until(got.ExpiresAt); left != life {
				t.Errorf("refresh %d: expires in %v", i+1, left)
			}
			found, err := s.Find(token.Value.Reveal())
			if diff := cmp.Diff(got, found, cmpopts.IgnoreFields(phantom.Token{}, "Value")); diff != "" || err != nil {
				t.Errorf("refresh %d: found %v (-refreshed +found):\n%s", i+1, err, diff)
			}
		}
		wantFind(t, "not refreshed", s, other, phantom.ErrUnknown)
		time.Sleep(life)
		wantFind(t, "refreshed no more", s, token, phantom.ErrExpired)
	})
}

func TestRevoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := phantom.New(phantom.Config{})
		token, other := issue(t, s, nightly), issue(t, s, nightly)
		time.Sleep(time.Minute)
		if err := s.Revoke(token.Value.Reveal()); err != nil {
			t.Fatal(err)
		}
		wantFind(t, "revoked", s, token, phantom.ErrRevoked)
		wantFind(t, "not revoked", s, other, nil)
		wantLen(t, "one revoked", s, 1)
		if err := s.Revoke(token.Value.Reveal()); err != phantom.ErrRevoked {
			t.Errorf("revoked again: %v", err)
		}
		if _, err := s.Refresh(token.Value.Reveal()); err != phantom.ErrRevoked {
			t.Errorf("refreshed: %v", err)
		}
		time.Sleep(life - time.Nanosecond)
		wantFind(t, "a life later", s, token, phantom.ErrRevoked)
		time.Sleep(time.Nanosecond)
		wantFind(t, "after that", s, token, phantom.ErrUnknown)
	})
}

func TestRevokeIf(t *testing.T) {
	s := phantom.New(phantom.Config{})
	mine := []phantom.Token{issue(t, s, nightly), issue(t, s, nightly)}
	others := []phantom.Token{issue(t, s, user(1)), issue(t, s, user(2))}
	asked := map[phantom.Holder]int{}
	got := s.RevokeIf(func(holder phantom.Holder) bool {
		s.Len() // it may use the Store
		asked[holder]++
		return holder == nightly
	})
	if got != len(mine) {
		t.Errorf("%d ended, want %d", got, len(mine))
	}
	if diff := cmp.Diff(map[phantom.Holder]int{nightly: 1, user(1): 1, user(2): 1}, asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	for i := range mine {
		wantFind(t, "mine", s, mine[i], phantom.ErrRevoked)
		wantFind(t, "of others", s, others[i], nil)
	}
	if got := s.RevokeIf(func(phantom.Holder) bool { return false }); got != 0 {
		t.Errorf("%d ended by nothing", got)
	}
	wantLen(t, "at last", s, 2)
}

func TestLeastRecentlyUsedEnds(t *testing.T) {
	s := phantom.New(phantom.Config{PerClient: 3})
	other := issue(t, s, user(1))
	first, second, third := issue(t, s, nightly), issue(t, s, nightly), issue(t, s, nightly)
	wantFind(t, "used", s, first, nil)
	if _, err := s.Refresh(second.Value.Reveal()); err != nil {
		t.Fatal(err)
	}
	fourth := issue(t, s, nightly)
	wantFind(t, "not used", s, third, phantom.ErrRevoked)
	issue(t, s, nightly)
	wantFind(t, "used first", s, first, phantom.ErrRevoked)
	wantFind(t, "refreshed", s, second, nil)
	wantFind(t, "fourth", s, fourth, nil)
	wantFind(t, "of another client", s, other, nil)
	wantLen(t, "at last", s, 4)
}

// A client that has lost a token by logout may have another one for it.
func TestRevokedOnesCountNoMore(t *testing.T) {
	s := phantom.New(phantom.Config{PerClient: 2, Total: 2})
	first, second := issue(t, s, nightly), issue(t, s, nightly)
	s.Revoke(first.Value.Reveal())
	third := issue(t, s, nightly)
	wantFind(t, "second", s, second, nil)
	wantFind(t, "third", s, third, nil)
}

func TestTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := phantom.New(phantom.Config{PerClient: 2, Total: 3})
		first := issue(t, s, user(1))
		time.Sleep(time.Minute)
		for _, holder := range []phantom.Holder{user(1), user(2)} {
			issue(t, s, holder)
		}
		if _, err := s.Issue(user(3)); err != phantom.ErrTooMany {
			t.Errorf("one more than Total: %v", err)
		}
		if _, err := s.Issue(user(2)); err != phantom.ErrTooMany {
			t.Errorf("one more of a client with few: %v", err)
		}
		wantFind(t, "when full", s, first, nil)
		wantKnown(t, "when full", s, 3, 2)
		second := issue(t, s, user(1)) // in the place of one of its own
		wantLen(t, "still full", s, 3)
		time.Sleep(life - time.Minute)
		wantFind(t, "the first", s, first, phantom.ErrExpired)
		issue(t, s, user(2))
		wantLen(t, "full again", s, 3)
		wantFind(t, "the second", s, second, nil)
		time.Sleep(life)
		wantLen(t, "when all have ended", s, 0)
		issue(t, s, user(3))
	})
}

// What has expired makes room, though nobody has looked at it.
func TestDeadOnesAreSweptFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := phantom.New(phantom.Config{Total: 100})
		for i := range 100 {
			issue(t, s, user(i))
		}
		time.Sleep(life)
		for i := range 100 {
			issue(t, s, user(1000+i))
		}
		if _, err := s.Issue(nightly); err != phantom.ErrTooMany {
			t.Errorf("the 101st: %v", err)
		}
		wantKnown(t, "100 living, 100 dead", s, 200, 100)
	})
}

// The bound of what is remembered: the first to end is the first to be forgotten.
func TestMemoryOfEndedOnesIsBounded(t *testing.T) {
	s := phantom.New(phantom.Config{Total: 3})
	var tokens []phantom.Token
	for range 5 {
		token := issue(t, s, nightly)
		s.Revoke(token.Value.Reveal())
		tokens = append(tokens, token)
	}
	for i, token := range tokens {
		want := phantom.ErrRevoked
		if i < 2 {
			want = phantom.ErrUnknown
		}
		wantFind(t, fmt.Sprintf("token %d of 5", i+1), s, token, want)
	}
	wantKnown(t, "at last", s, 3, 0)
}

func TestTenThousandOfOneClient(t *testing.T) {
	const bound = 1000
	s := phantom.New(phantom.Config{})
	used, other := issue(t, s, nightly), issue(t, s, user(1))
	for i := range 10_000 {
		issue(t, s, nightly)
		wantFind(t, "the one in use", s, used, nil)
		if want := min(i+2, bound) + 1; i%997 == 0 && s.Len() != want {
			t.Fatalf("%d tokens after %d, want %d", s.Len(), i+1, want)
		}
	}
	wantLen(t, "10,000 later", s, bound+1)
	wantFind(t, "of another client", s, other, nil)
}

// What a store takes does not depend on how many tokens or clients there have been.
func TestMemoryIsFlat(t *testing.T) {
	const round, limit = 20_000, 1 << 20
	s := phantom.New(phantom.Config{PerClient: 100, Total: 2000})
	flood := func() {
		for i := range round {
			issue(t, s, user(i%15))
		}
		for i := range round {
			s.Revoke(issue(t, s, user(100+i)).Value.Reveal()) // a new client each time
		}
	}
	flood()
	before := heap()
	flood()
	flood()
	if grown := heap() - before; grown > limit {
		t.Errorf("%d more tokens took %d B", 4*round, grown)
	}
	wantKnown(t, "after the floods", s, 15*100+2000, 15)
	runtime.KeepAlive(s)
}

// heap returns what live objects take.
func heap() int {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// The wall clock jumps, as it does when it is set, and when the machine has slept: then
// only the monotonic one has stood still.
func TestWallClockJumps(t *testing.T) {
	tests := []struct {
		name  string
		jump  time.Duration // after a minute
		sleep time.Duration // by both clocks, after the jump
		want  error
	}{
		{"suspended past the end", life, 0, phantom.ErrExpired},
		{"suspended for a night", 9 * time.Hour, 0, phantom.ErrExpired},
		{"suspended for a while", 10 * time.Minute, 23 * time.Minute, nil},
		{"and then past the end", 10 * time.Minute, 24 * time.Minute, phantom.ErrExpired},
		{"set back", -24 * time.Hour, 33 * time.Minute, nil},
		{"set back, past the end", -24 * time.Hour, 34 * time.Minute, phantom.ErrExpired},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, skew := skewed(phantom.Config{})
				token := issue(t, s, nightly)
				time.Sleep(time.Minute)
				*skew = test.jump
				time.Sleep(test.sleep)
				wantFind(t, "then", s, token, test.want)
				*skew = 0
				wantFind(t, "and with the clock set right", s, token, test.want)
			})
		})
	}
}

// skewed returns a store with a wall clock to set.
func skewed(config phantom.Config) (*phantom.Store, *time.Duration) {
	s, skew := phantom.New(config), new(time.Duration)
	s.SetWall(func() time.Time { return time.Now().Add(*skew) })
	return s, skew
}

// A token that was issued while the clock was wrong has ended by it before older ones have.
func TestEndsOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, skew := skewed(phantom.Config{})
		older := issue(t, s, nightly)
		*skew = -24 * time.Hour
		younger := issue(t, s, nightly)
		*skew = 0
		wantFind(t, "older", s, older, nil)
		wantFind(t, "younger", s, younger, phantom.ErrExpired)
		wantFind(t, "again", s, younger, phantom.ErrExpired)
		wantLen(t, "then", s, 1)
		time.Sleep(life)
		wantLen(t, "at the end", s, 0)
		time.Sleep(life)
		wantLen(t, "at last", s, 0)
		wantKnown(t, "at last", s, 0, 0)
	})
}

// Neither a token nor its store shows a value, or what it was made of.
func TestNothingShowsValues(t *testing.T) {
	s := phantom.New(phantom.Config{})
	token := issue(t, s, nightly)
	refreshed, err := s.Refresh(token.Value.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Find(token.Value.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	secret := token.Value.Reveal()[4:]
	var log strings.Builder
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	for _, value := range []any{token, &token, refreshed, found, []phantom.Token{token}, map[string]any{"t": token}, s} {
		logger.Info("value", "value", value)
		text, _ := json.Marshal(value)
		texts := []string{string(text), log.String()}
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			texts = append(texts, fmt.Sprintf(format, value))
		}
		for _, text := range texts {
			if strings.Contains(text, secret[:20]) || strings.Contains(text, fmt.Sprintf("%x", secret[:20])) {
				t.Errorf("%T shows the value: %s", value, text)
			}
		}
	}
	for _, err := range []error{phantom.ErrUnknown, phantom.ErrExpired, phantom.ErrRevoked, phantom.ErrTooMany} {
		if strings.Contains(err.Error(), secret[:8]) {
			t.Error(err)
		}
	}
}

func TestUseByManyAtOnce(t *testing.T) {
	s := phantom.New(phantom.Config{PerClient: 20, Total: 100})
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() { useAll(t, s, user(i)) })
	}
	for range 2 {
		group.Go(func() {
			for range 50 {
				s.RevokeIf(func(holder phantom.Holder) bool { return holder.User < "4" })
				s.Len()
			}
		})
	}
	group.Wait()
	if got := s.Len(); got > 100 {
		t.Errorf("%d tokens", got)
	}
	s.RevokeIf(func(phantom.Holder) bool { return true })
	wantKnown(t, "with none alive", s, 100, 0)
}

// useAll does everything to tokens of a holder that others may end at any time.
func useAll(t *testing.T, s *phantom.Store, holder phantom.Holder) {
	for i := range 300 {
		token, err := s.Issue(holder)
		if err != nil {
			if err != phantom.ErrTooMany {
				t.Error(err)
			}
			continue
		}
		found, err := s.Find(token.Value.Reveal())
		if err == nil && (found.ID != token.ID || found.Holder != holder) {
			t.Errorf("found %+v, issued %+v", found, token)
		}
		_, refreshed := s.Refresh(token.Value.Reveal())
		if i%3 == 0 {
			err = errors.Join(err, s.Revoke(token.Value.Reveal()))
		}
		if errors.Is(errors.Join(err, refreshed), phantom.ErrExpired) {
			t.Error("expired")
		}
	}
}

func BenchmarkFind(b *testing.B) {
	s := phantom.New(phantom.Config{})
	var values []string
	for i := range 20_000 {
		values = append(values, issue(b, s, user(i/1000)).Value.Reveal())
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Find(values[i%len(values)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIssueBeyondTheBound(b *testing.B) {
	s := phantom.New(phantom.Config{})
	b.ReportAllocs()
	for b.Loop() {
		issue(b, s, nightly)
	}
}

// A token that was asked for with another ends with it, and renewing it renews that one.
func TestTokenOfAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := phantom.New(phantom.Config{Life: time.Hour})
		parent, err := s.Issue(phantom.Holder{Client: "client:a"})
		if err != nil {
			t.Fatal(err)
		}
		child, err := s.Issue(phantom.Holder{Client: "client:a", Parent: parent.ID})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Minute)
		if _, err := s.Refresh(child.Value.Reveal()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Minute)
		if _, err := s.Find(parent.Value.Reveal()); err != nil {
			t.Errorf("the parent: %v", err)
		}
		if err := s.Revoke(parent.Value.Reveal()); err != nil {
			t.Fatal(err)
		}
		_, found := s.Find(child.Value.Reveal())
		_, renewed := s.Refresh(child.Value.Reveal())
		for _, err := range []error{found, renewed, s.Revoke(child.Value.Reveal())} {
			if err != phantom.ErrRevoked {
				t.Errorf("the child: %v", err)
			}
		}
		if s.Len() != 0 {
			t.Errorf("%d tokens live", s.Len())
		}
	})
}
