package anaplantest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// The Date header follows the skewed clock.
func TestClockSkew(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	c := newCaller(t, &anaplantest.Options{Now: func() time.Time { return now }, ClockSkew: time.Hour})
	date := func() time.Time {
		t.Helper()
		at, err := http.ParseTime(c.get("/", "").header.Get("Date"))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	if got, want := date(), now.Add(time.Hour); !got.Equal(want) {
		t.Errorf("Date %v, want %v", got, want)
	}
	c.server.SetClockSkew(-time.Minute)
	if got, want := date(), now.Add(-time.Minute); !got.Equal(want) {
		t.Errorf("Date %v, want %v", got, want)
	}
}

// The log has one line a request, with the reason of a refusal, and nothing that
// must stay secret; neither have the counters.
func TestLogHoldsNoSecrets(t *testing.T) {
	var buffer bytes.Buffer
	log := slog.New(slog.NewTextHandler(&buffer, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := newCaller(t, &anaplantest.Options{Log: log})
	cert := c.server.Enroll(rsaKey().Public(), nil)
	body := signedBody(t, "v2", v2Message(time.Now()))
	stale := signedBody(t, "v2", v2Message(time.Now().Add(-time.Hour)))

	answer := c.do("POST", "/token/authenticate", pemHeader(cert), body).want(201).token()
	c.do("POST", "/token/authenticate", pemHeader(cert), stale).want(401)
	c.get("/2/0/users/me", "AnaplanAuthToken "+answer.TokenInfo.TokenValue).want(200)
	c.server.Fault("/", 1, anaplantest.Cut())
	if _, err := c.try("POST", "/token/logout", "", ""); err == nil {
		t.Error("a cut connection answered")
	}
	// Closing the server orders its last writes to the buffer before our reading.
	c.server.Close()

	text := buffer.String() + fmt.Sprint(c.server.Counts())
	if got := strings.Count(buffer.String(), "msg=request"); got != 4 {
		t.Errorf("%d lines, want 4:\n%s", got, text)
	}
	for _, want := range []string{"path=/token/authenticate status=401", "behind the server's clock", "status=0 reason=\"\" fault=true"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q:\n%s", want, text)
		}
	}
	for _, secret := range []string{answer.TokenInfo.TokenValue, body[40:120], stale[40:120], pemHeader(cert)[20:100], "AnaplanAuthToken "} {
		if strings.Contains(text, secret) {
			t.Errorf("the log shows %.20q…", secret)
		}
	}
}

// With testing/synctest the service lives in virtual time: a token ends after 35
// minutes that nobody waits for.
func TestVirtualTime(t *testing.T) {
	key := rsaKey()
	synctest.Test(t, func(t *testing.T) {
		service := anaplantest.New(nil)
		cert, err := newCA(t).IssueForKey(key.Public(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := service.RegisterCertificate(cert); err != nil {
			t.Fatal(err)
		}
		send := pipeTo(t, service)
		login := send("POST", "/token/authenticate", pemHeader(cert), signedBody(t, "v2", v2Message(time.Now()))).want(201)
		token := "AnaplanAuthToken " + login.token().TokenInfo.TokenValue

		time.Sleep(anaplantest.DefaultTokenLife - time.Millisecond)
		send("GET", "/2/0/users/me", token, "").want(200)
		time.Sleep(time.Millisecond)
		send("GET", "/2/0/users/me", token, "").want(401)
	})
}

// A slow answer comes when it said it would, and is the real one.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := anaplantest.New(nil)
		service.Fault("/2/0/", 1, anaplantest.Slow(10*time.Second))
		send := pipeTo(t, service)
		begun := time.Now()
		send("GET", "/2/0/users/me", "", "").want(401)
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// pipeTo serves handler on one end of a pipe and returns how to send it
// requests from the other.
func pipeTo(t *testing.T, handler http.Handler) func(method, path, authorization, body string) reply {
	here, there := net.Pipe()
	server := &http.Server{Handler: handler}
	listener := &oneConn{conn: make(chan net.Conn, 1)}
	listener.conn <- there
	ended := make(chan error)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		here.Close()
		server.Close()
		<-ended
	})
	reader := bufio.NewReader(here)
	return func(method, path, authorization, body string) reply {
		t.Helper()
		fmt.Fprintf(here, "%s %s HTTP/1.1\r\nHost: pipe\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s",
			method, path, authorization, len(body), body)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var text bytes.Buffer
		if _, err := text.ReadFrom(response.Body); err != nil {
			t.Fatal(err)
		}
		return reply{t, response.StatusCode, response.Header, text.Bytes()}
	}
}

// oneConn is a listener that accepts one connection.
type oneConn struct{ conn chan net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	conn, ok := <-l.conn
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l *oneConn) Close() error {
	close(l.conn)
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// fatalTB is a TB that remembers what was fatal.
type fatalTB struct {
	testing.TB
	fatal string
}

func (f *fatalTB) Fatal(args ...any) { f.fatal = fmt.Sprint(args...) }

// Enroll says why a certificate is not taken.
func TestEnrollFails(t *testing.T) {
	tb := &fatalTB{TB: t}
	server := anaplantest.NewServer(tb, nil)
	server.Enroll(rsaKey().Public(), &anaplantest.IssueOptions{NoEmail: true})
	if !strings.Contains(tb.fatal, "email should not be blank [null]") {
		t.Errorf("fatal %q", tb.fatal)
	}
}
