package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/listen"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/logtest"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// patience is for what must happen soon; only a failing test waits for so long.
const patience = 2 * time.Minute

// upstream is a signer and an Anaplan in one. Its hooks may be nil.
type upstream struct {
	sign                   func(ctx context.Context, attended bool, notify agent.NotifyFunc) error
	authenticate           func() error
	value                  string // of the tokens; the login's number follows
	signs, logins, logouts atomic.Int64
}

func (u *upstream) Sign(ctx context.Context, attended bool, notify agent.NotifyFunc) (*agent.Login, error) {
	u.signs.Add(1)
	if u.sign != nil {
		if err := u.sign(ctx, attended, notify); err != nil {
			return nil, err
		}
	}
	return &agent.Login{Format: agent.V2}, nil
}

func (u *upstream) Authenticate(context.Context, *agent.Login) (agent.Token, error) {
	n := u.logins.Add(1)
	if u.authenticate != nil {
		if err := u.authenticate(); err != nil {
			return agent.Token{}, err
		}
	}
	return agent.Token{
		Value: agent.NewSecret(fmt.Sprintf("%s%d", u.value, n)), ID: fmt.Sprintf("id-%d", n),
		ExpiresAt: time.Now().Add(35 * time.Minute),
	}, nil
}

func (u *upstream) Refresh(context.Context, agent.Token) (agent.Token, error) {
	return agent.Token{}, errors.New("no refresh here")
}

func (u *upstream) Logout(context.Context, agent.Token) error {
	u.logouts.Add(1)
	return nil
}

// profile returns a profile whose Keeper runs until the test ends.
func profile(t testing.TB, u *upstream) *server.Profile {
	t.Helper()
	if u.value == "" {
		u.value = "secret-token-"
	}
	keeper := agent.NewKeeper(agent.KeeperConfig{Sign: u.Sign, Exchange: u})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { keeper.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return &server.Profile{Keeper: keeper}
}

// profiles is a Config.Profiles that does not change.
func profiles(p map[string]*server.Profile) func() map[string]*server.Profile {
	return func() map[string]*server.Profile { return p }
}

// one is the profile default of an upstream.
func one(t testing.TB, u *upstream) func() map[string]*server.Profile {
	t.Helper()
	return profiles(map[string]*server.Profile{"default": profile(t, u)})
}

// directory returns a directory with a short name, for socket paths have 108 bytes.
func directory(t testing.TB) string {
	t.Helper()
	path, err := os.MkdirTemp("", "al")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(path) })
	return path
}

// rig is a running server.
type rig struct {
	*server.Server
	socket string
	log    *logtest.Buffer
	stop   context.CancelFunc // begins to drain
	done   chan struct{}      // closed when Serve has returned
}

// serve runs a server until the test ends.
func serve(t testing.TB, config server.Config) *rig {
	t.Helper()
	return serveAt(t, place(t), listen.Options{}, config)
}

func serveAt(t testing.TB, socket string, options listen.Options, config server.Config) *rig {
	t.Helper()
	bounded(t)
	listener, err := listen.On(socket, options)
	if err != nil {
		t.Fatal(err)
	}
	prime(t, socket)
	r := &rig{socket: socket, log: &logtest.Buffer{}, done: make(chan struct{})}
	if config.Profiles == nil {
		config.Profiles = profiles(nil)
	}
	config.Logger = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.Server = server.New(config)
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() {
		defer close(r.done)
		if err := r.Serve(ctx, listener); err != nil {
			t.Errorf("Serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		ends(t, r.done)
		if strings.Contains(r.log.String(), "secret") {
			t.Errorf("the log shows a secret:\n%s", r.log)
		}
	})
	return r
}

// bounded ends all tests if this one hangs, which takes seconds else, on a busy machine a minute.
func bounded(t testing.TB) {
	if _, ok := t.(*testing.T); ok {
		timer := time.AfterFunc(2*patience, func() { panic(t.Name() + " hangs") })
		t.Cleanup(func() { timer.Stop() })
	}
}

// ends fails the test unless a server ends soon.
func ends[T any](t testing.TB, done <-chan T) (err T) {
	t.Helper()
	select {
	case err = <-done:
	case <-time.After(patience):
		t.Error("Serve does not return")
	}
	return err
}

// client returns a client of the server.
func (r *rig) client(t testing.TB) *local.Client {
	client := local.NewClient(r.socket)
	t.Cleanup(client.Close)
	return client
}

// raw is a connection on which a test says what it wants.
type raw struct {
	net.Conn
	t      testing.TB
	reader *bufio.Reader
}

func (r *rig) dial(t testing.TB) *raw {
	t.Helper()
	conn, err := local.Dial(t.Context(), r.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &raw{conn, t, bufio.NewReader(conn)}
}

// newRaw is what goes over a connection.
func newRaw(t testing.TB, conn net.Conn) *raw { return &raw{conn, t, bufio.NewReader(conn)} }

func (c *raw) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatal(err)
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// code is that of a problem.
func (a answer) code() agent.Code {
	var problem agent.Problem
	json.Unmarshal([]byte(a.body), &problem)
	return problem.Code
}

func (c *raw) receive() answer {
	c.t.Helper()
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	var body []byte
	if response.StatusCode >= 200 {
		if body, err = io.ReadAll(response.Body); err != nil {
			c.t.Fatal(err)
		}
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// ends checks that the server closes the connection, after what it may still have sent.
func (c *raw) ends() bool {
	c.t.Helper()
	_, err := io.Copy(io.Discard, c.reader)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Error("the connection is left hanging")
		return false
	}
	return true
}

// ask sends one request on a connection of its own; more is header lines.
func (r *rig) ask(t testing.TB, method, target, body string, more ...string) answer {
	t.Helper()
	conn := r.dial(t)
	defer conn.Close()
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: agent"}, more...)
	if body != "" {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	conn.send(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)
	return conn.receive()
}

// eventually waits for what other goroutines or processes bring about.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("in vain waited: %s", what)
		}
	}
}
