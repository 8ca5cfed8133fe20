package server_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// fuzzHost is Anaplan, and looks at what comes.
type fuzzHost struct {
	mu    sync.Mutex
	wrong string
}

// sentOn are headers that may reach Anaplan; the proxy's own tests have the whole list.
var sentOn = []string{
	"Authorization", "Accept", "Content-", "Range", "If-", "Cache-Control", "Pragma", "Expect", "Te", "User-Agent", "X-Aconnect-Client", "Traceparent", "Tracestate",
	"X-Request-Id", "X-Correlation-Id", "Transfer-Encoding",
}

func (h *fuzzHost) serve(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.Method != "GET" && r.Method != "PUT" && r.Method != "POST" || !strings.HasPrefix(r.URL.EscapedPath()+"/", "/2/0/models/") {
		h.wrong = "no rule allows " + r.Method + " " + r.RequestURI
	}
names:
	for name := range r.Header {
		for _, known := range sentOn {
			if strings.HasPrefix(name, known) {
				continue names
			}
		}
		h.wrong = "the header " + name + " was sent on"
	}
}

func (h *fuzzHost) verdict() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wrong
}

// FuzzRequests sends whatever bytes to the server, on the unix socket and over TCP with a good
// phantom token. It answers or hangs up, makes no mistake of its own, shows no token, and calls
// only what the policy allows.
func FuzzRequests(f *testing.F) {
	const token = "TOKEN" // stands for the phantom token
	for _, seed := range []string{
		"GET /2/0/models/M HTTP/1.1\r\nHost: HOST\r\nAuthorization: AnaplanAuthToken TOKEN\r\n\r\n",
		"PUT /2/0/models/M/files/F/chunks/0 HTTP/1.1\r\nHost: HOST\r\nAuthorization: AnaplanAuthToken TOKEN\r\nContent-Length: 3\r\n\r\nabcGET /2/0/users/me HTTP/1.1\r\nHost: HOST\r\n\r\n",
		"PUT /2/0/models/M/files/F/chunks/0 HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"PUT /2/0/models/M/files/F/chunks/0 HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n3\r\nabc\r\n0\r\nX-HTTP-Method-Override: DELETE\r\n\r\n",
		"GET /2/0/models/M/../../users HTTP/1.1\r\nHost: HOST\r\nAuthorization: AnaplanAuthToken TOKEN\r\nX-Original-URL: /2/0/users/me\r\n\r\n",
		"GET http://evil.example/2/0/models/M HTTP/1.1\r\nHost: HOST\r\nAuthorization: AnaplanAuthToken TOKEN\r\n\r\n",
		"GET /2/0/models/M HTTP/1.0\r\nAuthorization: AnaplanAuthToken TOKEN\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
		"POST /token/authenticate HTTP/1.1\r\nHost: HOST\r\nAuthorization: Basic bmlnaHRseTp4\r\nContent-Length: 0\r\n\r\n",
		"GET /v1/token?profile=default&refused=1 HTTP/1.1\r\nHost: HOST\r\n\r\n", "POST /v1/unlock?last_try=yes HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\n\r\n1234",
		"GET /token/validate HTTP/1.1\r\nHost: HOST\r\nAuthorization: AnaplanAuthToken TOKEN\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01", "\r\n\r\n", "",
	} {
		f.Add([]byte(seed))
	}
	host := &fuzzHost{} // the rules of forwards are all below /2/0/models
	r := forwards(f, func(c *server.Config, f *forwardRig) {
		f.host.answer(host.serve)
		c.Limits = server.Limits{HeaderTime: 200 * time.Millisecond, BodyTime: 200 * time.Millisecond, IdleTime: 200 * time.Millisecond}
		c.Admin = func(local.Peer) bool { return false } // root may do all
		f.profile.Policy = f.client.Policy
		f.profile.Allow = func(local.Peer) bool { return true }
	})
	issued := r.login(f)
	f.Fuzz(func(t *testing.T, request []byte) {
		for _, network := range []bool{true, false} {
			conn, err := r.connect(network)
			if err != nil {
				t.Fatal(err)
			}
			sent := bytes.ReplaceAll(bytes.ReplaceAll(request, []byte(token), []byte(issued)), []byte("HOST"), []byte(r.address))
			conn.SetDeadline(time.Now().Add(patience))
			conn.Write(sent)
			sentAll(conn)
			answer, err := io.ReadAll(conn)
			conn.Close()
			if os.IsTimeout(err) {
				t.Fatalf("over TCP %t: no end of the answer %q to %q", network, answer, sent)
			}
			if bytes.Contains(answer, []byte("secret-token")) || bytes.Contains(answer, []byte("the agent made a mistake")) {
				t.Fatalf("over TCP %t: %q is the answer to %q", network, answer, sent)
			}
			if len(answer) > 0 && !bytes.HasPrefix(answer, []byte("HTTP/1.")) {
				t.Fatalf("over TCP %t: %q is not an answer to %q", network, answer, sent)
			}
			if wrong := host.verdict(); wrong != "" {
				t.Fatalf("over TCP %t: %s, for %q", network, wrong, sent)
			}
		}
	})
}
