package server_test

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// What is taken means the same to net/url.
func FuzzArguments(f *testing.F) {
	for _, seed := range []string{"", "profile=default", "profile=a%20b&refused=7", "refused=1&refused=2", "&", "profile", "profile=%zz", "PROFILE=x", "profile=a;b", "refused=18446744073709551616", "profile=a&", "=x", "profile=+"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		profile, refused, problem := server.ParseArguments(query)
		if problem != nil {
			if problem.Code != agent.CodeBadRequest || len(problem.Message) > 1000 {
				t.Errorf("%q: %+v", query, problem)
			}
			return
		}
		if strings.Contains(query, ";") {
			return // net/url knows it as a separator of old
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("%q is taken, and not well encoded: %v", query, err)
		}
		want := "default"
		if values.Has("profile") {
			want = values.Get("profile")
		}
		if profile != want || len(values["profile"]) > 1 {
			t.Errorf("%q: profile %q, want %q", query, profile, want)
		}
		if generation, _ := strconv.ParseUint(values.Get("refused"), 10, 64); refused != generation {
			t.Errorf("%q: refused %d, want %d", query, refused, generation)
		}
	})
}

// What the server writes by hand, encoding/json and the client read.
func FuzzLease(f *testing.F) {
	f.Add("default", "token", "id", uint64(1), int64(1_900_000_000))
	f.Add("\"\\\x00é\xff", "a\nb", "", uint64(0), int64(-1))
	f.Fuzz(func(t *testing.T, profile, value, id string, generation uint64, expires int64) {
		expires %= 200_000_000_000
		lease := agent.Lease{Generation: generation, Token: agent.Token{Value: agent.NewSecret(value), ID: id, ExpiresAt: time.Unix(expires, 0)}}
		body := server.AppendLease(nil, profile, lease, true, time.Unix(0, 0))
		if !json.Valid(body) {
			t.Fatalf("%q is not JSON", body)
		}
		token, err := local.ParseToken(body)
		if err != nil || !utf8.ValidString(profile+value+id) {
			return
		}
		if token.Profile != profile || token.Value.Reveal() != value || token.ID != id || token.Generation != generation || token.ExpiresAt.Unix() != expires {
			t.Errorf("%q has become %+v", body, token)
		}
	})
}
