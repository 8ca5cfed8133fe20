package server_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// After a line that could not be written, whatever it was about, nothing is given, signed or called
// before one has been.
func TestNothingIsDoneAfterAFailedWrite(t *testing.T) {
	u := &upstream{}
	var pins atomic.Int64
	f := forwards(t, func(c *server.Config, f *forwardRig) {
		f.host.ready = nil // that is for calls that wait
		f.profile = f.host.proxied(t, profile(t, u), nil)
		f.profile.SetPIN = func(pin []byte) {
			if pin != nil {
				pins.Add(1)
			}
		}
		f.profile.Identify = func(ctx context.Context) (server.User, error) {
			_, err := f.profile.Keeper.Login(ctx, nil)
			return server.User{}, err
		}
		c.Profiles = profiles(map[string]*server.Profile{"default": f.profile})
	})
	token := bearer(f.login(t))
	wantRefused := func(got answer, what string) {
		t.Helper()
		if code := max(got.code(), got.problem().Code); got.status != 507 || code != agent.CodeAuditFailed || strings.Contains(got.body, "secret-token") {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
	}
	f.records.fail(true)
	wantRefused(f.ask(t, "GET", "/v1/token", ""), "the token whose line fails")

	signs, logins, calls := u.signs.Load(), u.logins.Load(), f.host.calls.Load()
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { wantRefused(f.tcp(t, "GET", "/2/0/models/M", "", token), "a call") })
	}
	all.Wait()
	for _, request := range []string{"GET /v1/token", "GET /v1/token?reveal=no", "POST /v1/login", "POST /v1/logout"} {
		method, target, _ := strings.Cut(request, " ")
		wantRefused(f.ask(t, method, target, ""), request)
	}
	wantRefused(f.ask(t, "POST", "/v1/unlock", "4711"), "unlock")
	wantRefused(f.tcp(t, "POST", "/token/authenticate", "", nightly), "a phantom token")
	wantRefused(f.tcp(t, "POST", "/token/refresh", "", token), "a phantom token's renewal")
	wantRefused(f.tcp(t, "GET", "/token/validate", "", token), "a phantom token's validation, which may log in")
	if u.signs.Load() != signs || u.logins.Load() != logins || u.logouts.Load() != 0 || f.host.calls.Load() != calls || pins.Load() != 0 {
		t.Errorf("%d signatures, %d logins, %d logouts, %d calls, %d PINs", u.signs.Load()-signs, u.logins.Load()-logins, u.logouts.Load(), f.host.calls.Load()-calls, pins.Load())
	}
	if got := f.ask(t, "GET", "/readyz", ""); got.status != 503 || got.code() != agent.CodeAuditFailed {
		t.Errorf("readyz: %d %s", got.status, got.body)
	}
	status, err := f.rig.client(t).Status(t.Context())
	if err != nil || status.Problem == nil || status.Problem.Code != agent.CodeAuditFailed || len(status.Problem.Hints) == 0 {
		t.Errorf("status: %+v, %v", status.Problem, err)
	}

	// What only takes away is done, and written down later.
	f.tcp(t, "POST", "/token/logout", "", token)
	f.ask(t, "POST", "/v1/lock", "")
	f.records.fail(false)
	if got := f.ask(t, "POST", "/v1/login", ""); got.code() != agent.CodeLocked {
		t.Errorf("not locked: %d %s", got.status, got.body)
	}
	if len(f.records.of(server.ActionLock)) != 1 || f.ask(t, "POST", "/v1/unlock", "").status != 200 || f.ask(t, "GET", "/readyz", "").status != 200 {
		t.Errorf("it does not go on: %+v", f.records.of(server.ActionLock))
	}
	if got := f.tcp(t, "GET", "/2/0/models/M", "", bearer(f.login(t))); got.status != 200 {
		t.Errorf("a call: %d %s", got.status, got.body)
	}
	if got := f.tcp(t, "GET", "/2/0/models/M", "", token); got.status != 401 {
		t.Errorf("the phantom token that was ended: %d %s", got.status, got.body)
	}
}

// TestUnrecordedPhantom: a phantom token whose line could not be written is worth nothing.
func TestUnrecordedPhantom(t *testing.T) {
	store := phantom.New(phantom.Config{})
	f := forwards(t, func(c *server.Config, _ *forwardRig) { c.Phantoms = store })
	f.records.fail(true)
	if got := f.tcp(t, "POST", "/token/authenticate", "", nightly); got.status != 507 || store.Len() != 0 {
		t.Errorf("%d %s, and %d tokens are alive", got.status, got.body, store.Len())
	}
}

// TestCallsAreRecordedWhole has each number of a call in its record.
func TestCallsAreRecordedWhole(t *testing.T) {
	f := forwards(t, nil)
	const answer, body, pause = "four", "sixsix", 20 * time.Millisecond
	f.host.answer(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(pause) // that it takes is measured
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, answer)
	})
	began := time.Now()
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	f.tcp(t, "PUT", "/2/0/models/M/files/F/chunks/0?hidden=1", body, bearer(f.login(t)), "Traceparent: 00-"+trace+"-00f067aa0ba902b7-01")
	eventually(t, "it is recorded", func() bool { return len(f.records.of(server.ActionCall)) == 1 })
	took := time.Since(began)
	record := f.records.of(server.ActionCall)[0]
	got := record.Call
	if got.Took < pause || got.Took > took || record.Time.Before(began) {
		t.Errorf("it took %v, and the record says %v at %v", took, got.Took, record.Time)
	}
	got.Took = 0
	want := server.Call{Method: "PUT", Path: "/2/0/models/M/files/F/chunks/0", Status: 202, Sent: int64(len(body)), Received: int64(len(answer)), Trace: trace}
	if got != want || record.Client != "client:nightly" || record.Profile != "default" || !record.Network || !record.Done {
		t.Errorf("record %+v", record)
	}
}

// waitingLimiter lets the first call through, and the others when it is told to.
type waitingLimiter struct {
	first   atomic.Bool
	waiting atomic.Int64
	open    chan struct{}
}

func (l *waitingLimiter) Wait(ctx context.Context, _ string) error {
	if l.first.CompareAndSwap(false, true) {
		return nil
	}
	l.waiting.Add(1)
	select {
	case <-l.open:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *waitingLimiter) Hold(time.Duration) {}

// Calls that were waiting for their turn when writing failed are not made.
func TestCallsThatWaitWhileWritingFails(t *testing.T) {
	const waiting = 50
	limiter := &waitingLimiter{open: make(chan struct{})}
	f := forwards(t, func(_ *server.Config, f *forwardRig) { f.host.proxied(t, f.profile, limiter) })
	token := bearer(f.login(t))
	f.host.answer(func(w http.ResponseWriter, _ *http.Request) {
		eventually(t, "the others wait", func() bool { return limiter.waiting.Load() == waiting })
		f.records.fail(true)
		io.WriteString(w, "done")
	})
	var all sync.WaitGroup
	all.Go(func() { f.tcp(t, "GET", "/2/0/models/FIRST", "", token) })
	eventually(t, "the first is on its way", func() bool { return f.host.calls.Load() == 1 })
	for range waiting {
		all.Go(func() {
			if got := f.tcp(t, "GET", "/2/0/models/M", "", token); got.status != 507 || got.problem().Code != agent.CodeAuditFailed {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	eventually(t, "the first is owed", func() bool { return f.records.recordable() != nil })
	close(limiter.open)
	all.Wait()
	if got := f.host.calls.Load(); got != 1 {
		t.Errorf("%d calls were made", got)
	}
}
