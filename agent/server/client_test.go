package server_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/listen"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"github.com/google/go-cmp/cmp"
)

func TestClient(t *testing.T) {
	u := &upstream{}
	p := profile(t, u)
	var pins []string
	p.SetPIN = func(pin []byte) { pins = append(pins, string(pin)) }
	reloads := 0
	r := serve(t, server.Config{
		Profiles: profiles(map[string]*server.Profile{"a b&c=d": p}),
		Reload:   func(context.Context) ([]string, error) { reloads++; return []string{"start it again"}, nil },
	})
	client, ctx, name := r.client(t), t.Context(), "a b&c=d"

	token, err := client.Token(ctx, name, nil)
	if err != nil || token.Profile != name || token.Value.Reveal() != "secret-token-1" || token.ID != "id-1" || token.Generation != 1 {
		t.Errorf("Token: %+v %v", token, err)
	}
	if left := time.Until(token.ExpiresAt); left < 34*time.Minute || left > 35*time.Minute {
		t.Errorf("it lives for %v", left)
	}
	if text := fmt.Sprintf("%+v %#v", token, token); strings.Contains(text, "secret") {
		t.Errorf("it prints as %s", text)
	}
	token, err = client.Login(ctx, name, nil)
	if err != nil || !token.Value.IsZero() || token.Generation != 2 {
		t.Errorf("Login: %+v %v", token, err)
	}
	token, err = client.Replace(ctx, name, 2, nil)
	if err != nil || token.Generation != 3 || token.Value.Reveal() != "secret-token-3" {
		t.Errorf("Replace: %+v %v", token, err)
	}
	for call, err := range map[string]error{
		"Lock": client.Lock(ctx, name), "Unlock": client.Unlock(ctx, name, []byte("12\xff34"), nil),
		"Logout": client.Logout(ctx, name),
	} {
		if err != nil {
			t.Errorf("%s: %v", call, err)
		}
	}
	if warnings, err := client.Reload(ctx); err != nil || !slices.Equal(warnings, []string{"start it again"}) {
		t.Errorf("Reload: %q, %v", warnings, err)
	}
	if want := []string{"", "12\xff34"}; !cmp.Equal(pins, want) || reloads != 1 || u.logouts.Load() != 1 {
		t.Errorf("PINs %q, %d reloads, %d logouts", pins, reloads, u.logouts.Load())
	}
	if _, err := client.Token(ctx, "other", nil); codeOf(err) != agent.CodeUnknownProfile {
		t.Errorf("an unknown profile: %v", err)
	}
}

// The agent is started again between two calls of one client.
func TestClientFindsTheNextAgent(t *testing.T) {
	socket := place(t)
	config := server.Config{Profiles: one(t, &upstream{})}
	first := serveAt(t, socket, listen.Options{}, config)
	client := first.client(t)
	for range 2 {
		if _, err := client.Token(t.Context(), "default", nil); err != nil {
			t.Fatal(err)
		}
	}
	first.stop()
	<-first.done
	if _, err := client.Token(t.Context(), "default", nil); !errors.Is(err, local.ErrNotRunning) {
		t.Errorf("without an agent: %v", err)
	}
	serveAt(t, socket, listen.Options{}, config)
	if _, err := client.Token(t.Context(), "default", nil); err != nil {
		t.Errorf("with the next agent: %v", err)
	}
}

func codeOf(err error) agent.Code {
	problem, ok := errors.AsType[*agent.Problem](err)
	if !ok {
		return ""
	}
	return problem.Code
}
