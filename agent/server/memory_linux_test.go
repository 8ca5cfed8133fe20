package server_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/listen"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/memorytest"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// childUnlock serves a profile that wipes each PIN which it is given, until its standard
// input ends.
func childUnlock(args []string) error {
	listener, err := listen.On(args[0], listen.Options{})
	if err != nil {
		return err
	}
	u := &upstream{value: "token-"}
	keeper := agent.NewKeeper(agent.KeeperConfig{Sign: u.Sign, Exchange: u})
	profile := &server.Profile{Keeper: keeper, SetPIN: func(pin []byte) { clear(pin) }}
	server := server.New(server.Config{Profiles: profiles(map[string]*server.Profile{"default": profile})})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { keeper.Run(ctx) })
	running.Go(func() { err = server.Serve(ctx, listener) })
	fmt.Println("serving")
	io.Copy(io.Discard, os.Stdin)
	cancel()
	running.Wait()
	return err
}

// TestNoPINStaysInMemory sends PINs as bodies in all ways, good and bad, to another process,
// and looks for them there.
func TestNoPINStaysInMemory(t *testing.T) {
	socket := directory(t) + "/socket-that-is-found"
	server := start(t, nil, "unlock", socket)
	if got := server.line(); got != "serving" {
		t.Fatal(got)
	}
	r := &rig{socket: socket}
	const post = "POST /v1/unlock HTTP/1.1\r\nHost: x\r\n"
	type way struct {
		status int
		pieces []string // PIN stands for the PIN
	}
	ways := map[string]way{
		"at once":                {200, []string{post + "Content-Length: 20\r\n\r\nPIN"}},
		"behind the header":      {200, []string{post + "Content-Length: 20\r\n\r\n", "PIN"}},
		"before a request":       {200, []string{post + "Content-Length: 20\r\n\r\nPINGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"}},
		"in a chunk":             {200, []string{post + "Transfer-Encoding: chunked\r\n\r\n14\r\nPIN\r\n0\r\n\r\n"}},
		"behind a long header":   {200, []string{post + "X: " + strings.Repeat("x", 6000) + "\r\n", "Content-Length: 20\r\n\r\nPIN"}},
		"too large":              {413, []string{post + "Content-Length: 5000\r\n\r\nPIN" + strings.Repeat("-", 1500) + "PIN", strings.Repeat("-", 3500-20) + "PIN"}},
		"with a line end":        {400, []string{post + "Content-Length: 21\r\n\r\nPIN\n"}},
		"where none is taken":    {400, []string{"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\nPIN"}},
		"where nothing is":       {404, []string{"POST /v2/unlock HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\nPIN"}},
		"where nothing is, late": {404, []string{"POST /v2/unlock HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n", "PIN"}},
	}
	pins := map[string][]byte{"the socket": []byte(socket)}
	for name, way := range ways {
		pin := fmt.Sprintf("pin-%016d", time.Now().UnixNano()%1e16)
		pins[name] = []byte(pin)
		conn := r.dial(t)
		for _, piece := range way.pieces {
			conn.send(strings.ReplaceAll(piece, "PIN", pin))
		}
		if got := conn.receive(); got.status != way.status {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		conn.CloseWrite()
		conn.ends()
	}
	found := memorytest.Of(t, server.cmd.Process.Pid).Find(pins)
	for name := range pins {
		if found[name] != (name == "the socket") {
			t.Errorf("%s: found in memory: %v", name, found[name])
		}
	}
}
