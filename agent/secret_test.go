package agent_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/locked"
)

const hushed = "hunter2hunter2"

// Shapes in which a Secret may reach a formatter. fmt cannot call the methods of
// a field that is not exported, so those are the hard ones.
type (
	exported struct{ S agent.Secret }
	hidden   struct {
		s agent.Secret
		p *agent.Secret
	}
	inInterface struct{ x any }
)

func shapes() []any {
	s, locked := agent.NewSecret(hushed), agent.NewSecret(hushed).Lock(new(locked.Memory))
	return []any{
		locked, &locked, hidden{locked, &locked}, agent.Token{Value: locked}, struct{ t agent.Token }{agent.Token{Value: locked}},
		s, &s, exported{s}, &exported{s}, hidden{s, &s}, &hidden{s, &s}, inInterface{s}, inInterface{&s}, inInterface{hidden{s, &s}},
		[]agent.Secret{s}, [1]agent.Secret{s}, map[string]agent.Secret{"k": s}, map[agent.Secret]int{s: 1},
		[]hidden{{s, &s}}, map[string]hidden{"k": {s, &s}}, map[hidden]int{{s, &s}: 1}, []any{s, hidden{s, &s}},
		agent.Login{Message: s, Signature: s}, &agent.Login{Message: s}, agent.Token{Value: s}, struct{ t agent.Token }{agent.Token{Value: s}},
		fmt.Errorf("%v", s),
	}
}

// notations returns how fmt can write the secret; half of it would be bad enough.
var notations = sync.OnceValue(func() []string {
	texts := []string{hushed, hex.EncodeToString([]byte(hushed)), fmt.Sprintf("%#v", []byte(hushed))[len("[]byte{"):]}
	for _, format := range []string{"% x", "%v", "%o", "%b", "%c", "%q", "%U"} {
		texts = append(texts, strings.Trim(fmt.Sprintf(format, []byte(hushed)), "[]"))
	}
	for i, text := range texts {
		texts[i] = strings.ToLower(text[:len(text)/2])
	}
	return texts
})

// leaks reports whether text holds the secret in any notation that fmt knows.
func leaks(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(notations(), func(notation string) bool { return strings.Contains(text, notation) })
}

func TestLeaksFindsSecrets(t *testing.T) {
	for _, format := range []string{"%s", "%v", "%d", "%x", "%X", "% x", "%o", "%b", "%c", "%q", "%U", "%#v"} {
		if text := fmt.Sprintf(format, []byte(hushed)); !leaks(text) {
			t.Errorf("%s shows the secret as %s, and leaks does not see it", format, text)
		}
	}
}

func TestSecretSurvivesEveryVerb(t *testing.T) {
	// Every letter, including those that are not verbs and the two that print addresses or types;
	// flags change the path through fmt.
	for verb := 'A'; verb <= 'z'; verb++ {
		for _, flags := range []string{"", "+", "#", " ", "-20", "010", ".3"} {
			format := "%" + flags + string(verb)
			for _, value := range shapes() {
				if text := fmt.Sprintf(format, value); leaks(text) {
					t.Errorf("Sprintf(%q, %T) = %s", format, value, text)
				}
			}
		}
	}
}

func TestSecretPrintsRedacted(t *testing.T) {
	secret := agent.NewSecret(hushed)
	for _, text := range []string{
		fmt.Sprint(secret), fmt.Sprintf("%s", secret), fmt.Sprintf("%#v", secret), fmt.Sprintf("%x", secret),
		fmt.Sprintf("%d", &secret), secret.String(), secret.GoString(), secret.LogValue().String(),
	} {
		if text != "[redacted]" {
			t.Errorf("printed %q", text)
		}
	}
}

func TestSecretSurvivesLogs(t *testing.T) {
	var log bytes.Buffer
	for _, handler := range []slog.Handler{
		slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}),
		slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}),
	} {
		logger := slog.New(handler)
		for _, value := range shapes() {
			logger.Debug("value", "value", value, slog.Group("group", "value", value))
			logger.With("value", value).Info("with")
		}
	}
	if leaks(log.String()) {
		t.Errorf("the log shows the secret:\n%s", &log)
	}
	if !strings.Contains(log.String(), "value=[redacted]") || !strings.Contains(log.String(), `"value":"[redacted]"`) {
		t.Errorf("the log does not say that it redacts:\n%s", &log)
	}
}

func TestSecretSurvivesJSON(t *testing.T) {
	secret := agent.NewSecret(hushed)
	tests := []struct {
		value any
		want  string
	}{
		{secret, `"[redacted]"`},
		{&secret, `"[redacted]"`},
		{exported{secret}, `{"S":"[redacted]"}`},
		{hidden{secret, &secret}, `{}`},
		{[]agent.Secret{secret}, `["[redacted]"]`},
		{map[string]agent.Secret{"k": secret}, `{"k":"[redacted]"}`},
		{map[agent.Secret]int{secret: 1}, `{"[redacted]":1}`},
	}
	for _, test := range tests {
		got, err := json.Marshal(test.value)
		if err != nil || string(got) != test.want {
			t.Errorf("Marshal(%T) = %s, %v; want %s", test.value, got, err, test.want)
		}
	}
}

func TestSecretHoldsACopy(t *testing.T) {
	source := []byte(hushed)
	secret := agent.NewSecret(source)
	clear(source)
	if secret.Reveal() != hushed || string(secret.Bytes()) != hushed {
		t.Error("clearing the source changed the secret")
	}
}

func TestSecretIsZero(t *testing.T) {
	var zero agent.Secret
	if !zero.IsZero() || zero.Bytes() != nil || zero.Reveal() != "" || fmt.Sprint(zero) != "[redacted]" {
		t.Error("the zero Secret holds something, or says so")
	}
	if !agent.NewSecret("").IsZero() {
		t.Error("a Secret of the empty text is not zero")
	}
	if agent.NewSecret(hushed).IsZero() {
		t.Error("a Secret that holds something is zero")
	}
}

func TestSecretGivesItselfOut(t *testing.T) {
	for name, secret := range map[string]agent.Secret{
		"in memory": agent.NewSecret(hushed), "in locked memory": agent.NewSecret(hushed).Lock(new(locked.Memory)),
	} {
		if secret.Reveal() != hushed || string(secret.Bytes()) != hushed || string(secret.Append([]byte("x"))) != "x"+hushed || secret.IsZero() {
			t.Errorf("%s: it holds something else", name)
		}
		secret.Clear()
		if strings.Trim(secret.Reveal(), "\x00") != "" {
			t.Errorf("%s: cleared, it holds %q", name, secret.Reveal())
		}
	}
}

func TestSecretEqual(t *testing.T) {
	var memory locked.Memory
	all := []agent.Secret{{}, agent.NewSecret("a"), agent.NewSecret("b"), agent.NewSecret("ab")}
	for i, a := range all {
		for j, b := range all {
			for _, equal := range []bool{a.Equal(b), a.Equal(b.Lock(&memory)), a.Lock(&memory).Equal(b)} {
				if equal != (i == j) {
					t.Errorf("%q is %q: %v", a.Reveal(), b.Reveal(), equal)
				}
			}
		}
	}
	if !all[0].Equal(agent.NewSecret("")) {
		t.Error("two empty ones differ")
	}
}

// TestLockedSecretIsOverwritten: but not before the last copy of it is gone.
func TestLockedSecretIsOverwritten(t *testing.T) {
	var memory locked.Memory
	neighbour := memory.Keep([]byte("keeps the page"))
	defer neighbour.Free()
	secret := agent.NewSecret(hushed).Lock(&memory)
	inside, copied := secret.Inside(), secret.Bytes()
	runtime.GC()
	runtime.GC()
	if secret.Reveal() != hushed {
		t.Fatalf("it is gone already: %q", secret.Reveal())
	}
	secret = agent.Secret{}
	for deadline := time.Now().Add(2 * time.Minute); !bytes.Equal(inside, make([]byte, len(inside))); {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatalf("nobody has it, and it is still there: %q", inside)
		}
	}
	if string(copied) != hushed {
		t.Errorf("what Bytes has given is gone with it: %q", copied)
	}
}
