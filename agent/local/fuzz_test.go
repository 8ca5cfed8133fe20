package local_test

import (
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

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
			t.Fatalf("%q is not a notice", value)
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

// Whatever answers, the client returns it or an error, and shows none of it.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"profile":"p","token":"t","expires_at":"2030-01-01T00:00:00Z","generation":1,"token_id":"i"}`))
	f.Add([]byte(`{"version":"v","pid":1,"profiles":[{"name":"p","state":"down","problem":{"code":"locked","message":"m"}}]}`))
	f.Add([]byte(`{"code":"locked","message":"m","wait_seconds":1}`))
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
			t.Errorf("%q is not an error", answer)
		}
	})
}
