package server_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/listen"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"golang.org/x/sys/unix"
)

const nobody = 65534

// shared returns a path for a socket that all users can get at.
func shared(t *testing.T) string {
	t.Helper()
	root := directory(t)
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "a", "s")
}

func TestPolicy(t *testing.T) {
	forUser, err := server.ParseAllow([]string{"user:65534"})
	if err != nil {
		t.Fatal(err)
	}
	forGroup, err := server.ParseAllow([]string{"group:4321"})
	if err != nil {
		t.Fatal(err)
	}
	mine, users, groups := profile(t, &upstream{}), profile(t, &upstream{}), profile(t, &upstream{})
	users.Allow, groups.Allow = forUser, forGroup
	config := server.Config{
		Profiles: profiles(map[string]*server.Profile{"mine": mine, "users": users, "groups": groups}),
		Reload:   func(context.Context) ([]string, error) { return nil, nil },
	}
	requests := []string{
		"GET /v1/token?profile=mine", "GET /v1/token?profile=users", "GET /v1/token?profile=groups", "GET /v1/token?profile=none",
		"POST /v1/login?profile=mine", "POST /v1/login?profile=users", "POST /v1/reload", "GET /healthz", "GET /readyz", "GET /metrics",
	}
	for _, test := range []struct {
		name     string
		uid, gid uint32
		groups   []uint32
		want     string // statuses
		profiles string // in the status
		denied   int
	}{
		{"root", 0, 0, nil, "200 200 200 404 200 200 200 200 200 200", "groups mine users", 0},
		{"user", nobody, nobody, nil, "403 200 403 404 403 200 403 200 200 200", "users", 4},
		{"group", 12345, 4321, nil, "403 403 200 404 403 403 403 200 200 200", "groups", 5},
		{"supplementary group", 12345, 12345, []uint32{1, 4321}, "403 403 200 404 403 403 403 200 200 200", "groups", 5},
		{"stranger", 12345, 12345, []uint32{1}, "403 403 403 404 403 403 403 200 200 403", "", 7},
	} {
		t.Run(test.name, func(t *testing.T) {
			var a audit
			config := config
			config.Record = a.record
			r := serveAt(t, shared(t), listen.Options{Shared: true}, config)
			child := start(t, as(t, test.uid, test.gid, test.groups...), "ask", append([]string{r.socket}, append(requests, "GET /v1/status")...)...)
			var statuses []string
			for range requests {
				status, body, _ := strings.Cut(child.line(), " ")
				statuses = append(statuses, status)
				if status == "403" && !strings.Contains(body, `"not_allowed"`) {
					t.Errorf("403 with %s", body)
				}
			}
			if got := strings.Join(statuses, " "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			_, status, _ := strings.Cut(child.line(), " ")
			var shown []string
			for _, profile := range fields(t, status)["profiles"].([]any) {
				shown = append(shown, profile.(map[string]any)["name"].(string))
			}
			if got := strings.Join(shown, " "); got != test.profiles {
				t.Errorf("the status has %q, want %q", got, test.profiles)
			}
			denied := 0
			for _, record := range a.records {
				if record.Peer.UID != int(test.uid) || record.Peer.GID != int(test.gid) || !strings.HasSuffix(record.Peer.Executable(), "/test") && record.Peer.Executable() != "" {
					t.Errorf("the peer is %+v %s", record.Peer, record.Peer.Executable())
				}
				if record.Action == server.ActionDenied && record.Code == agent.CodeNotAllowed {
					denied++
				}
			}
			if denied != test.denied {
				t.Errorf("%d denials are written down, want %d: %q", denied, test.denied, a.lines())
			}
		})
	}
}

// A caller that is denied all the time must not fill the disk with it.
func TestDenialsAreDear(t *testing.T) {
	var a audit
	denied := server.Config{
		Profiles: one(t, &upstream{}), Record: a.record, Admin: func(local.Peer) bool { return false },
		Limits: server.Limits{Rate: 0.001, Burst: 3100},
	}
	r := serve(t, denied)
	var statuses []int
	for range 6 {
		statuses = append(statuses, r.ask(t, "GET", "/v1/token", "").status)
	}
	if got := fmt.Sprint(statuses); got != "[403 403 403 429 429 429]" || len(a.records) != 3 {
		t.Errorf("%s, %d records", got, len(a.records))
	}
}

// A phantom token that a user got on the socket is not another user's over TCP, from whatever address
// that comes; one that was got over TCP is any bearer's.
func TestStolenTokens(t *testing.T) {
	f := forwards(t, nil)
	own := f.ask(t, "POST", "/token/authenticate", "", nightly)
	if own.status != 201 {
		t.Fatalf("%d %s", own.status, own.body)
	}
	held := bearer(own.token(t).TokenInfo.TokenValue)
	other, self := as(t, nobody, nobody), as(t, 0, 0)
	for _, from := range []string{"127.0.0.1", "127.12.34.56"} {
		if got := start(t, other, "bearer", from, f.address, held).line(); got != "401" {
			t.Errorf("another user's token from %s: %s", from, got)
		}
		if got := start(t, self, "bearer", from, f.address, held).line(); got != "200" {
			t.Errorf("one's own from %s: %s", from, got)
		}
		if got := start(t, other, "bearer", from, f.address, bearer(f.login(t))).line(); got != "200" {
			t.Errorf("a bearer's from %s: %s", from, got)
		}
	}
}

func TestPeerOf(t *testing.T) {
	many := make([]uint32, 100)
	for i := range many {
		many[i] = uint32(20_000 + i)
	}
	for _, groups := range [][]uint32{nil, {7, 8}, many} {
		socket := shared(t)
		listener, err := listen.On(socket, listen.Options{Shared: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		child := start(t, as(t, nobody, 4321, groups...), "peek", socket)
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		peer, err := local.PeerOf(conn)
		if err != nil {
			t.Fatal(err)
		}
		want := child.line()
		if got := fmt.Sprint(peer.UID, peer.GID, peer.PID, peer.Groups); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if !strings.HasSuffix(peer.Executable(), "/test") {
			t.Errorf("the executable is %q", peer.Executable())
		}
		conn.Close()
	}
}

// The client must not send a PIN to a stranger.
func TestClientRefusesStrangers(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, directory string)
		trusted bool
	}{
		{"in its own directory", func(t *testing.T, directory string) { os.Chown(directory, nobody, nobody) }, false},
		{"in a directory for all", func(t *testing.T, directory string) { os.Chmod(directory, 0o1777) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			socket := shared(t)
			parent := filepath.Dir(socket)
			os.Mkdir(parent, 0o755)
			os.Chown(parent, nobody, nobody)
			child := start(t, as(t, nobody, nobody), "serve", socket, "100")
			if got := child.line(); got != "serving" {
				t.Fatal(got)
			}
			test.prepare(t, parent)
			client := local.NewClient(socket)
			defer client.Close()
			err := client.Unlock(t.Context(), "default", []byte("123456"), nil)
			if err == nil || !strings.Contains(err.Error(), "run by user nobody") || codeOf(err) != "" {
				t.Errorf("got %v", err)
			}

			// Where only root can have put the socket, root has chosen that user.
			os.Chown(parent, 0, 0)
			os.Chmod(parent, 0o755)
			if err := client.Lock(t.Context(), "default"); codeOf(err) != agent.CodeUnknownProfile {
				t.Errorf("in root's directory: %v", err)
			}
		})
	}
}

// Ten thousand callers at once on an agent that has no token: one signature, one login.
func TestHerd(t *testing.T) {
	const callers = 10_000
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	if files.Cur < callers+500 {
		missing(t, "files", fmt.Sprintf("a limit of more than %d open files", files.Cur))
	}
	goOn := make(chan struct{})
	u := &upstream{sign: func(context.Context, bool, agent.NotifyFunc) error { <-goOn; return nil }}
	r := serve(t, server.Config{Profiles: one(t, u), Limits: server.Limits{
		Connections: callers + 10, UserConnections: callers + 10, HeaderTime: time.Minute, WriteTime: time.Minute,
	}})
	child := start(t, nil, "herd", r.socket, fmt.Sprint(callers))
	if got := child.line(); got != "asked" {
		t.Fatal(got)
	}
	eventually(t, "all are in", func() bool { return r.Connections() == callers })
	close(goOn)
	if got, want := child.line(), fmt.Sprintf("answered map[200:%d]", callers); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if u.signs.Load() != 1 || u.logins.Load() != 1 {
		t.Errorf("%d signatures and %d logins, want 1 and 1", u.signs.Load(), u.logins.Load())
	}

	// All are still there, and one more is served as if they were not.
	if got := r.ask(t, "GET", "/v1/token", ""); got.status != 200 || r.Connections() < callers {
		t.Errorf("beside %d: %d %s", r.Connections(), got.status, got.body)
	}
	child.in.Close()
	eventually(t, "all have gone", func() bool { return r.Connections() == 0 })
}

// Without descriptors callers wait; they are served when others go, and the log is short.
func TestOutOfDescriptors(t *testing.T) {
	socket := filepath.Join(directory(t), "s")
	child := start(t, nil, "serve", socket, "40")
	if got := child.line(); got != "serving" {
		t.Fatal(got)
	}
	r := &rig{socket: socket}
	var conns []*raw
	for range 100 {
		conns = append(conns, r.dial(t))
	}
	for _, conn := range conns {
		conn.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	// The first are answered, and as each goes there is a place for another.
	for i, conn := range conns {
		if got := conn.receive(); got.status != 200 {
			t.Fatalf("%d: %d", i, got.status)
		}
		conn.Close()
	}
	child.in.Close()
	child.lines.Scan()
	if log := child.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "too many open files") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestAgentsOfTwoProcesses(t *testing.T) {
	socket := filepath.Join(directory(t), "s")
	first := start(t, nil, "serve", socket, "100")
	if got := first.line(); got != "serving" {
		t.Fatal(got)
	}
	second := start(t, nil, "serve", socket, "100")
	if got := second.line(); !strings.Contains(got, local.ErrRunning.Error()) {
		t.Errorf("the second says %s", got)
	}

	// The first dies without a chance to clear up.
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.lines.Scan()
	if info, err := os.Lstat(socket); err != nil || info.Mode().Type() != os.ModeSocket {
		t.Fatalf("a dead agent has removed its socket: %v", err)
	}
	if got := start(t, nil, "serve", socket, "100").line(); got != "serving" {
		t.Error(got)
	}
}

func TestAuditKnowsThePeer(t *testing.T) {
	var a audit
	r := serve(t, server.Config{Profiles: one(t, &upstream{}), Record: a.record})
	r.ask(t, "GET", "/v1/token", "")
	peer := a.records[0].Peer
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if peer.UID != os.Geteuid() || peer.PID != os.Getpid() || peer.GID != os.Getegid() || peer.Executable() != executable {
		t.Errorf("got %+v %s", peer, peer.Executable())
	}
	if time.Since(a.records[0].Time) > time.Hour {
		t.Errorf("at %v", a.records[0].Time)
	}
}

// Linux refuses to connect where the queue is full. That is an agent, and one to wait for.
func TestFullQueue(t *testing.T) {
	socket := filepath.Join(directory(t), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), socket)
	defer file.Close()
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	r := &rig{Server: server.New(server.Config{Profiles: profiles(nil)}), socket: socket}
	r.dial(t) // is the one for which there is room

	if _, err := listen.On(socket, listen.Options{}); !errors.Is(err, local.ErrRunning) {
		t.Errorf("another agent: %v", err)
	}
	client := r.client(t)
	short, cancelShort := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancelShort()
	if _, err := client.Status(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while nobody accepts: %v", err)
	}
	listener, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	time.AfterFunc(30*time.Millisecond, func() { done <- r.Serve(ctx, listener) })
	if _, err := client.Status(t.Context()); err != nil {
		t.Errorf("when somebody accepts: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
