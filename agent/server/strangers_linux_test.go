package server_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/listen"

	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// A user that no policy lets in does not keep out of the unix socket those that one does.
func TestRefusedUserKeepsNobodyOut(t *testing.T) {
	forUser, err := server.ParseAllow([]string{"user:65534"})
	if err != nil {
		t.Fatal(err)
	}
	allowed := profile(t, &upstream{})
	allowed.Allow = forUser
	r := serveAt(t, shared(t), listen.Options{Shared: true}, server.Config{
		Profiles: profiles(map[string]*server.Profile{"default": allowed}),
		Limits:   server.Limits{Connections: 64, UserConnections: 60},
	})
	for _, uid := range []uint32{12345, 12346} {
		child := start(t, as(t, uid, uid), "hold", r.socket, "200")
		if got := child.line(); got != "holding" {
			t.Fatal(got)
		}
	}
	for range 40 { // administrators hold some, too
		conn := r.dial(t)
		conn.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		if got := conn.receive(); got.status != 200 {
			t.Fatalf("root: %d %s", got.status, got.body)
		}
	}
	began := time.Now()
	child := start(t, as(t, nobody, nobody), "ask", r.socket, "GET /v1/token")
	var status int
	if fmt.Sscan(child.line(), &status); status != 200 || time.Since(began) > patience {
		t.Errorf("the allowed user: %d after %v", status, time.Since(began))
	}
}
