package server_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"github.com/google/go-cmp/cmp"
)

// talker is an upstream that tells the first notice, waits until it was heard, tells the
// others, and then waits until it may go on. The first one must be of a kind that stands,
// for the caller may come to listen only after it was told.
func talker(heard, goOn <-chan struct{}, notices ...agent.Notice) *upstream {
	return &upstream{sign: func(_ context.Context, _ bool, notify agent.NotifyFunc) error {
		notify(notices[0])
		<-heard
		for _, notice := range notices[1:] {
			notify(notice)
		}
		<-goOn
		return nil
	}}
}

func TestNoticesReachTheWaitingClient(t *testing.T) {
	want := []agent.Notice{
		{Kind: agent.NoticeTouch, Message: "touch the YubiKey 12345678 now: 100% \"é\" +\r\nX: y"},
		{Kind: agent.NoticeTouchOver},
		{Kind: agent.NoticeBusy, Message: "the device is in use"},
	}
	heard, goOn := make(chan struct{}), make(chan struct{})
	r := serve(t, server.Config{Profiles: one(t, talker(heard, goOn, want...))})
	var mu sync.Mutex
	var got []agent.Notice
	token, err := r.client(t).Token(t.Context(), "default", func(notice agent.Notice) {
		mu.Lock()
		defer mu.Unlock()
		switch got = append(got, notice); len(got) {
		case 1:
			close(heard) // they come before the answer, or this hangs
		case len(want):
			close(goOn)
		}
	})
	if err != nil || token.Value.Reveal() != "secret-token-1" {
		t.Fatalf("%v %v", token, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestNoticesOnlyForWhoWantsThem(t *testing.T) {
	for _, test := range []struct {
		version, header string
		want            int
	}{
		{"HTTP/1.1", "Anaplan-Agent-Notices: 1", http.StatusProcessing},
		{"HTTP/1.1", "anaplan-agent-notices: 1", http.StatusProcessing},
		{"HTTP/1.1", "Anaplan-Agent-Notices: 0", http.StatusOK},
		{"HTTP/1.1", "X: y", http.StatusOK},
		{"HTTP/1.0", "Anaplan-Agent-Notices: 1", http.StatusOK},
	} {
		heard := make(chan struct{})
		r := serve(t, server.Config{Profiles: one(t, talker(heard, heard, agent.Notice{Kind: agent.NoticeTouch, Message: "now"}))})
		conn := r.dial(t)
		conn.send("GET /v1/token " + test.version + "\r\nHost: x\r\n" + test.header + "\r\n\r\n")
		if test.want != http.StatusProcessing {
			close(heard)
		}
		first := conn.receive()
		if first.status != test.want {
			t.Errorf("%s %s: %d, want %d", test.version, test.header, first.status, test.want)
		}
		if first.status != http.StatusProcessing {
			continue
		}
		if notice := first.header.Get("Anaplan-Agent-Notice"); notice != "touch now" {
			t.Errorf("the notice is %q", notice)
		}
		close(heard)
		if last := conn.receive(); last.status != http.StatusOK || last.header.Get("Anaplan-Agent-Notice") != "" {
			t.Errorf("then %d %v", last.status, last.header)
		}
	}
}

// A caller that does not read, and is told more than a socket holds, must not hold up the
// Keeper, for others wait for it, too.
func TestNoticesDoNotWaitForSlowReaders(t *testing.T) {
	many := []agent.Notice{{Kind: agent.NoticeTouch, Message: "now"}}
	for i := range 1000 {
		many = append(many, agent.Notice{Kind: agent.NoticeInfo, Message: fmt.Sprint(i, strings.Repeat("\x00", 2000))})
	}
	heard, goOn := make(chan struct{}), make(chan struct{})
	r := serve(t, server.Config{Profiles: one(t, talker(heard, goOn, many...)), Limits: server.Limits{WriteTime: 300 * time.Millisecond}})
	slow := r.dial(t)
	slow.send("GET /v1/token HTTP/1.1\r\nHost: x\r\nAnaplan-Agent-Notices: 1\r\n\r\n")
	slow.receive()
	close(heard)
	close(goOn)
	if _, err := r.client(t).Token(t.Context(), "default", nil); err != nil {
		t.Error(err)
	}
	eventually(t, "the slow caller is given up", func() bool { return r.Connections() <= 1 })
}
