package local_test

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
)

// What is taken means the same to net/url.
func FuzzArguments(f *testing.F) {
	for _, seed := range []string{"", "profile=default", "profile=a%20b&refused=7", "refused=1&refused=2", "&", "profile", "profile=%zz", "PROFILE=x", "profile=a;b", "refused=18446744073709551616", "profile=a&", "=x", "profile=+"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		profile, refused, problem := local.ParseArguments(query)
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

// A notice comes back as it was, and never breaks out of its header.
func FuzzNotice(f *testing.F) {
	f.Add("touch", "touch the card now")
	f.Add("x y", "a\r\nb: c %41\x00é\xff")
	f.Fuzz(func(t *testing.T, kind, message string) {
		value := local.FormatNotice(agent.Notice{Kind: agent.NoticeKind(kind), Message: message})
		for _, r := range value {
			if r < ' ' || r > '~' {
				t.Fatalf("%q has %q in it", value, r)
			}
		}
		got, ok := local.ParseNotice(strings.TrimSpace(value))
		if kind == "" {
			return // HTTP trims the blank, and nobody makes such
		}
		if !ok {
			t.Fatalf("%q is no notice", value)
		}
		if len(message) <= 1024 && (string(got.Kind) != kind || got.Message != message) {
			t.Errorf("%q %q has become %q", kind, message, got)
		}
	})
}

func FuzzParseNotice(f *testing.F) {
	f.Add("touch now")
	f.Add("%")
	f.Fuzz(func(t *testing.T, value string) {
		if notice, ok := local.ParseNotice(value); ok && notice.Kind == "" {
			t.Errorf("%q is a notice of no kind", value)
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
		body := local.AppendLease(nil, profile, lease, true, time.Unix(0, 0))
		if !json.Valid(body) {
			t.Fatalf("%q is no JSON", body)
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

// Whatever answers, the client returns it or an error, and shows none of it.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"profile":"p","token":"t","expires_at":"2030-01-01T00:00:00Z","generation":1,"token_id":"i"}`))
	f.Add([]byte(`{"version":"v","pid":1,"profiles":[{"name":"p","state":"down","problem":{"code":"locked","message":"m"}}]}`))
	f.Add([]byte(`{"code":"locked","message":"m","wait":1}`))
	f.Add([]byte("hunter2hunter2"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		token, err := local.ParseToken(answer)
		if err == nil && (token.Generation == 0 || token.ExpiresAt.IsZero() || strings.ContainsAny(token.Value.Reveal(), "\r\n\x00 ")) {
			t.Errorf("%q is a token", answer)
		}
		if _, err := local.ParseStatus(answer); err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error is %v", err)
		}
		if err := local.ParseProblem(500, answer); err == nil || err.Error() == "" {
			t.Errorf("%q is no error", answer)
		}
	})
}
