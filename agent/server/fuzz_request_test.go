package server_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// FuzzRequest: whatever a caller that nothing lets in sends, over either way, the server answers or
// hangs up, shows no token, and makes no mistake.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET /v1/token HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /v1/unlock?profile=default&last_try=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n1234GET / HTTP/1.1\r\n\r\n",
		"PUT /2/0/models/M/files/F/chunks/0 HTTP/1.1\r\nHost: x\r\n" + basic("nightly", "wrong") + "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"POST /token/authenticate HTTP/1.1\r\nHost: x\r\nAuthorization: Basic \xff\r\nAuthorization: x\r\n\r\n",
		"GET /2/0/models/..%2f%2e%2e//x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
		"GET http://x/2/0/models HTTP/1.0\r\nOrigin: null\r\n\r\n", "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /token/validate HTTP/1.1\r\nHost: x\r\n" + bearer("aap_"+strings.Repeat("B", 43)) + "\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: x\r\nAnaplan-Agent-Notices: 1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", "\x16\x03\x01", "",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	rig := forwards(f, func(c *server.Config, _ *forwardRig) {
		c.Admin = func(local.Peer) bool { return false }
		c.Limits = server.Limits{BodyTime: time.Second, Rate: 1e9, Burst: 1e9}
	})
	f.Fuzz(func(t *testing.T, sent []byte, network bool) {
		answers, err := rig.exchange(bytes.ReplaceAll(sent, []byte("Host: x\r"), []byte("Host: "+rig.address+"\r")), network)
		if netErr, ok := err.(net.Error); ok && netErr.Timeout() {
			t.Fatalf("%q: the connection is left hanging", sent)
		}
		if bytes.Contains(answers, []byte("secret-token-")) {
			t.Errorf("%q is answered with a token:\n%s", sent, answers)
		}
		if log := rig.log.String(); strings.Contains(log, "mistake") {
			t.Fatalf("%q made the agent fail:\n%s", sent, log)
		}
		for reader := bufio.NewReader(bytes.NewReader(answers)); ; {
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				break
			}
			io.Copy(io.Discard, response.Body)
			if response.StatusCode == http.StatusInternalServerError {
				t.Errorf("%q is answered with %s", sent, response.Status)
			}
		}
	})
}

// exchange sends something on a connection of its own, and returns all that comes back.
func (f *forwardRig) exchange(sent []byte, network bool) ([]byte, error) {
	conn, err := f.connect(network)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	go func() {
		conn.Write(sent)
		sentAll(conn)
	}()
	return io.ReadAll(conn)
}

// connect connects over TCP, or to the socket.
func (f *forwardRig) connect(network bool) (net.Conn, error) {
	if network {
		return net.Dial("tcp", f.address)
	}
	return local.Dial(context.Background(), f.socket)
}
