package local_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

func TestClient(t *testing.T) {
	u := &upstream{}
	p := profile(t, u)
	var pins []string
	p.SetPIN = func(pin []byte) { pins = append(pins, string(pin)) }
	reloads := 0
	r := serve(t, local.Config{
		Profiles: profiles(map[string]*local.Profile{"a b&c=d": p}),
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

func codeOf(err error) agent.Code {
	problem, ok := errors.AsType[*agent.Problem](err)
	if !ok {
		return ""
	}
	return problem.Code
}

func TestClientNotRunning(t *testing.T) {
	root := directory(t)
	stale := filepath.Join(root, "stale")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: stale})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	for _, socket := range []string{filepath.Join(root, "none"), filepath.Join(root, "no", "directory"), stale} {
		_, err := local.NewClient(socket).Status(t.Context())
		if !errors.Is(err, local.ErrNotRunning) || !strings.Contains(err.Error(), socket) {
			t.Errorf("%s: %v", socket, err)
		}
	}
	file := filepath.Join(root, "file")
	os.WriteFile(file, nil, 0o600)
	if _, err := local.NewClient(filepath.Join(file, "s")).Status(t.Context()); err == nil || errors.Is(err, local.ErrNotRunning) {
		t.Errorf("a path through a file: %v", err)
	}
}

// impostor serves the handler on a plain socket.
func impostor(t *testing.T, handler http.HandlerFunc) *local.Client {
	t.Helper()
	socket := filepath.Join(directory(t), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	var running sync.WaitGroup
	running.Go(func() { server.Serve(listener) })
	client := local.NewClient(socket)
	t.Cleanup(func() { client.Close(); server.Close(); running.Wait() })
	return client
}

func TestClientAnswersWithoutSense(t *testing.T) {
	good := `{"profile":"p","token":"secret","expires_at":"2030-01-01T00:00:00Z","generation":1,"token_id":"i"}`
	tests := []struct {
		name, body string
		status     int
	}{
		{"empty", "", 200}, {"no JSON", "secret", 200}, {"half", good[:60], 200}, {"twice", good + good, 200}, {"null", "null", 200}, {"list", "[]", 200},
		{"no token", strings.Replace(good, "secret", "", 1), 200},
		{"no generation", strings.Replace(good, `"generation":1`, `"generation":0`, 1), 200},
		{"bad time", strings.Replace(good, "2030", "secret", 1), 200},
		{"token with a line end", strings.Replace(good, "secret", `secret\r\nX: y`, 1), 200},
		{"token that is no text", strings.Replace(good, `"secret"`, `["secret"]`, 1), 200},
		{"large", good + strings.Repeat(" ", 5<<20), 200},
		{"redirect", good, 302}, {"no content", "", 204}, {"created", good, 201}, {"problem without sense", good, 500}, {"no problem", "secret", 418},
	}
	for _, test := range tests {
		client := impostor(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(test.status)
			io.WriteString(w, test.body)
		})
		token, err := client.Token(t.Context(), "p", nil)
		if err == nil || !token.Value.IsZero() || codeOf(err) != "" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// TestClientClosesAnswers: of an answer that is longer than any, nothing more is taken, and its
// connection is let go.
func TestClientClosesAnswers(t *testing.T) {
	gone := make(chan struct{})
	client := impostor(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	if _, err := client.Token(t.Context(), "p", nil); err == nil {
		t.Error("an endless answer was taken")
	}
	select {
	case <-gone:
	case <-time.After(patience):
		t.Fatal("the connection is still open")
	}
}

func TestClientBoundsHeaders(t *testing.T) {
	client := impostor(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X", strings.Repeat("y", 100<<10))
	})
	if _, err := client.Token(t.Context(), "p", nil); err == nil {
		t.Error("a header of 100 KiB is taken")
	}
}

func TestClientIgnoresOtherNotices(t *testing.T) {
	client := impostor(t, func(w http.ResponseWriter, r *http.Request) {
		for _, value := range []string{"", "%zz x", "touch %zz", "touch now"} {
			w.Header().Set("Anaplan-Agent-Notice", value)
			w.WriteHeader(http.StatusProcessing)
		}
		w.Header().Del("Anaplan-Agent-Notice")
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, `{"profile":"p","expires_at":"2030-01-01T00:00:00Z","generation":1}`)
	})
	var got []agent.Notice
	if _, err := client.Login(t.Context(), "p", func(notice agent.Notice) { got = append(got, notice) }); err != nil {
		t.Fatal(err)
	}
	if want := []agent.Notice{{Kind: "touch", Message: "now"}}; !cmp.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestClientGivesUp(t *testing.T) {
	client := impostor(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mine := errors.New("my reason")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { cancel(mine) })
	if _, err := client.Token(ctx, "p", nil); !errors.Is(err, mine) {
		t.Errorf("got %v", err)
	}
	late, cancelLate := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancelLate()
	if _, err := client.Token(late, "p", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// The agent is started anew between two calls of one client.
func TestClientFindsTheNextAgent(t *testing.T) {
	socket := filepath.Join(directory(t), "s")
	config := local.Config{Profiles: one(t, &upstream{})}
	first := serveAt(t, socket, local.ListenOptions{}, config)
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
	serveAt(t, socket, local.ListenOptions{}, config)
	if _, err := client.Token(t.Context(), "default", nil); err != nil {
		t.Errorf("with the next agent: %v", err)
	}
}
