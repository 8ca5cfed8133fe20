package local_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/google/go-cmp/cmp"
)

// patience is for what must happen soon; only a failing test waits for so long.
const patience = 2 * time.Minute

func codeOf(err error) agent.Code {
	problem, ok := errors.AsType[*agent.Problem](err)
	if !ok {
		return ""
	}
	return problem.Code
}

// impostor serves the handler on a plain socket.
func impostor(t *testing.T, handler http.HandlerFunc) *local.Client {
	t.Helper()
	socket := place(t)
	listener := listen(t, socket)
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
		{"token that is not text", strings.Replace(good, `"secret"`, `["secret"]`, 1), 200},
		{"large", good + strings.Repeat(" ", 5<<20), 200},
		{"redirect", good, 302}, {"no content", "", 204}, {"created", good, 201}, {"problem without sense", good, 500}, {"no problem", "secret", 418},
	}
	for _, test := range tests {
		client := impostor(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/followed" {
				t.Errorf("%s: it is followed", test.name)
				w.WriteHeader(http.StatusTeapot)
				return
			}
			w.Header().Set("Location", "http://127.0.0.1:1/followed")
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
