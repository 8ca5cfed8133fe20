package intercepted

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/roomtest"
)

// greeted connects to a host through the proxy of a run, and returns what it says, to a word as well.
func (r *Run) greeted(t *testing.T, address string) string {
	t.Helper()
	conn, err := net.Dial("tcp", r.proxy.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, r.withPassword("CONNECT "+address+" HTTP/1.1\r\nHost: "+address+"\r\n\r\n"))
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body)
		return response.Status + " " + string(body)
	}
	io.WriteString(conn, "word\n")
	conn.(*net.TCPConn).CloseWrite()
	said, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

// Other hosts are reached as the program would reach them.
func TestOtherHosts(t *testing.T) {
	s := newStandIn(t)
	run, warned := s.run(t)
	run.proxy.way.usual = func(*http.Request) (*url.URL, error) { return nil, nil }
	if got := run.greeted(t, roomtest.Greeter(t, "hello\n")); got != "hello\nword\n" {
		t.Errorf("got %q", got)
	}
	if got := run.greeted(t, "127.0.0.1:1"); !strings.HasPrefix(got, "502 Bad Gateway") {
		t.Errorf("where nobody listens: %q", got)
	}
	if !strings.Contains(warned(), "the program is not connected with 127.0.0.1:1: ") {
		t.Errorf("warned: %q", warned())
	}
	if got := s.requests(); got != "" {
		t.Errorf("the agent was asked %s", got)
	}
}

func TestOtherHostsByProxy(t *testing.T) {
	host := roomtest.Greeter(t, "hello\n")
	asked := make(chan string, 2)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.RequestURI + " " + r.Header.Get("Proxy-Authorization") + r.Header.Get("Anaplan-Agent-Client")
		if r.Header.Get("Proxy-Authorization") == "" {
			http.Error(w, "who are you", http.StatusProxyAuthRequired)
			return
		}
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			t.Error(err)
			return
		}
		from, early, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		go pass(from, to, bufio.NewReader(to))
		pass(to, from, early.Reader)
	})
	corporate := httptest.NewServer(handler)
	defer corporate.Close()
	run, _ := newStandIn(t).run(t)
	use := func(address string) {
		run.proxy.way.usual = func(*http.Request) (*url.URL, error) { return url.Parse(address) }
	}
	use("http://me:secret@" + corporate.Listener.Addr().String())
	if got := run.greeted(t, host); got != "hello\nword\n" {
		t.Errorf("got %q", got)
	}
	if got, want := <-asked, fmt.Sprintf("CONNECT %s Basic %s", host, base64.StdEncoding.EncodeToString([]byte("me:secret"))); got != want {
		t.Errorf("the proxy was asked %q, want %q", got, want)
	}
	use(corporate.URL)
	if got := run.greeted(t, host); got != "407 Proxy Authentication Required anaplan-agent: the proxy answers 407 Proxy Authentication Required\n" {
		t.Errorf("without a password: %q", got)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	use("http://me:secret@" + gone.Listener.Addr().String())
	if got := run.greeted(t, host); !strings.Contains(got, "the proxy "+gone.Listener.Addr().String()+" of HTTPS_PROXY cannot be reached: ") || strings.Contains(got, "secret") {
		t.Errorf("nobody listens there: %q", got)
	}
	use("https://" + corporate.Listener.Addr().String())
	if got := run.greeted(t, host); !strings.Contains(got, " of HTTPS_PROXY cannot be reached: ") {
		t.Errorf("without TLS: %q", got)
	}
	use("socks5://127.0.0.1:1")
	if got := run.greeted(t, host); !strings.Contains(got, "a proxy of the kind socks5 is not passed on to; name the host in NO_PROXY") {
		t.Errorf("socks: %q", got)
	}
}

func TestIsAgents(t *testing.T) {
	w := &way{domains: []string{"api.anaplan.com", "auth.anaplan.com"}}
	for host, want := range map[string]bool{
		"api.anaplan.com": true, "API.Anaplan.com.:443": true, "eu3.api.anaplan.com:443": true,
		"anaplan.com": false, "notapi.anaplan.com": false, "api.anaplan.com.example:443": false, "127.0.0.1:443": false, "[::1]:443": false,
	} {
		if got := w.isAgents(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}

// A CA that does not say for which hosts it is would have all of the program's calls, or none.
func TestUnboundCA(t *testing.T) {
	for _, ca := range [][]byte{nil, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")} {
		if _, err := Start(Config{CA: ca}); err == nil || !strings.Contains(err.Error(), "the agent's CA ") {
			t.Errorf("got %v", err)
		}
	}
}
