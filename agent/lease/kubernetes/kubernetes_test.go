package kubernetes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anaplan-agent/anaplan-agent/agent/lease/kubernetes"
	"github.com/anaplan-agent/anaplan-agent/agent/lease/record"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls/mutualtlstest"
)

var sample = record.Record{
	Holder: "agent-1_0a", Address: "agent-1.etl.svc:8471", Epoch: 1, AuditHead: "sha256:00",
	Reason: `there was no lease: "\ é`, Duration: 10 * time.Second, Since: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC),
}

// chapters are what is tried, with the real server and with its recorded answers.
var chapters = map[string]func(t *testing.T, a *api, tokens tokens){
	"record":       recordIsKept,
	"made before":  leaseIsMadeBefore,
	"unauthorized": tokenIsWrong,
	"forbidden":    roleIsMissing,
	"reader":       roleOnlyReads,
	"namespace":    namespaceIsMissing,
}

// tokens are those of service accounts: one that may, one that may nothing, one that may only read; and
// one of the cluster's administrator.
type tokens struct{ agent, stranger, reader, admin string }

// TestRecordedAnswers: the client understands what a real kube-apiserver says, and says what it took.
func TestRecordedAnswers(t *testing.T) {
	text, err := os.ReadFile(recorded)
	check(t, err)
	said := map[string][]exchange{}
	check(t, json.Unmarshal(text, &said))
	for name, test := range chapters {
		t.Run(name, func(t *testing.T) { test(t, newAPI(t, nil, said[name]), tokens{"a", "s", "r", "x"}) })
	}
}

// newServer returns a server that keeps to itself which callers have turned away.
func newServer(handler http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	return server
}

func in(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	return ctx
}

func recordIsKept(t *testing.T, a *api, tokens tokens) {
	store := a.store(a.account(tokens.agent), "etl")
	if _, err := store.Read(in(t)); err != record.ErrNone {
		t.Fatalf("without a Lease: %v", err)
	}
	first, err := store.Write(in(t), "", sample)
	check(t, err)
	if diff := cmp.Diff(sample, first.Record); diff != "" {
		t.Error(diff)
	}
	read, err := store.Read(in(t))
	check(t, err)
	if diff := cmp.Diff(first, read); diff != "" || first.HasClock {
		t.Error(diff)
	}
	if _, err := store.Write(in(t), "", sample); err != record.ErrChanged {
		t.Errorf("a second first record: %v", err)
	}
	time.Sleep(time.Microsecond) // a time in a Lease has six digits
	renewed, err := store.Write(in(t), first.Version, sample)
	check(t, err)
	if renewed.Version == first.Version || renewed.Beat == first.Beat {
		t.Errorf("renewed: %+v, before: %+v", renewed, first)
	}
	if _, err := store.Write(in(t), first.Version, sample); err != record.ErrChanged {
		t.Errorf("a version that was replaced is replaced: %v", err)
	}
	given, err := store.Write(in(t), renewed.Version, record.Record{Epoch: 1, Reason: "agent-1 has ended", Duration: time.Second, Since: sample.Since})
	check(t, err)
	if given.Holder != "" || given.Address != "" || given.Reason != "agent-1 has ended" {
		t.Errorf("given away: %+v", given)
	}
	a.as(tokens.admin, http.MethodDelete, leases+"/anaplan-agent", "")
	if _, err := store.Write(in(t), given.Version, sample); err != record.ErrChanged {
		t.Errorf("a Lease that was deleted: %v", err)
	}
	if _, err := store.Read(in(t)); err != record.ErrNone {
		t.Errorf("a Lease that was deleted: %v", err)
	}
}

// leases is the path of the Leases in the namespace of the test.
const leases = "/apis/coordination.k8s.io/v1/namespaces/etl/leases"

// leaseIsMadeBefore: people make a Lease where the role may not, and put into it what they like, which
// stays. What they change then is not a sign of life.
func leaseIsMadeBefore(t *testing.T, a *api, tokens tokens) {
	a.as(tokens.admin, http.MethodPost, leases, `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"anaplan-agent","labels":{"team":"etl"}}}`)
	store := a.store(a.account(tokens.agent), "etl")
	empty, err := store.Read(in(t))
	check(t, err)
	if diff := cmp.Diff(record.Record{}, empty.Record); diff != "" || empty.Version == "" {
		t.Errorf("%+v: %s", empty, diff)
	}
	taken, err := store.Write(in(t), empty.Version, sample)
	check(t, err)
	a.as(tokens.admin, http.MethodPatch, leases+"/anaplan-agent", `{"metadata":{"annotations":{"note":"ours"}}}`)
	read, err := store.Read(in(t))
	check(t, err)
	if diff := cmp.Diff(taken, read, cmpopts.IgnoreFields(record.Stored{}, "Version")); diff != "" || taken.Version == read.Version {
		t.Errorf("after a note: %s", diff)
	}
	_, err = store.Write(in(t), read.Version, sample)
	check(t, err)
	var last struct {
		Metadata struct{ Labels, Annotations map[string]string }
	}
	check(t, json.Unmarshal(a.said[len(a.said)-1].Answer, &last))
	if last.Metadata.Labels["team"] != "etl" || last.Metadata.Annotations["note"] != "ours" {
		t.Errorf("what others have written is gone: %+v", last)
	}
	a.as(tokens.admin, http.MethodDelete, leases+"/anaplan-agent", "")
}

func tokenIsWrong(t *testing.T, a *api, tokens tokens) {
	_, err := a.store(a.account("no-such-token"), "etl").Read(in(t))
	wants(t, err, "Unauthorized (401)", "service account is not taken")
}

func roleIsMissing(t *testing.T, a *api, tokens tokens) {
	_, err := a.store(a.account(tokens.stranger), "etl").Read(in(t))
	wants(t, err, `User "system:serviceaccount:etl:stranger" cannot get resource "leases"`, "(403)", "Role in the namespace etl", "get is missing")
}

func roleOnlyReads(t *testing.T, a *api, tokens tokens) {
	store := a.store(a.account(tokens.reader), "etl")
	if _, err := store.Read(in(t)); err != record.ErrNone {
		t.Errorf("a read: %v", err)
	}
	_, err := store.Write(in(t), "", sample)
	wants(t, err, "cannot create resource", "create is missing")
	_, err = store.Write(in(t), "1", sample)
	wants(t, err, "cannot patch resource", "patch is missing")
}

func namespaceIsMissing(t *testing.T, a *api, tokens tokens) {
	store := a.store(a.account(tokens.admin), "none")
	if _, err := store.Read(in(t)); err != record.ErrNone {
		t.Errorf("a read: %v", err)
	}
	_, err := store.Write(in(t), "", sample)
	wants(t, err, `namespaces "none" not found (404)`, "create the namespace none")
}

// TestAnswersOfTroubledServers: a server that has too much to do, and what stands in its place, as no
// server answers on demand.
func TestAnswersOfTroubledServers(t *testing.T) {
	const status = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"%s","reason":"%s","code":%d}`
	for _, one := range []struct {
		code           int
		reason         string
		header         http.Header
		want           []string
		isChanged      bool
		isLeftAlone    bool
		body, location string
	}{
		{code: 429, reason: "TooManyRequests", header: http.Header{"Retry-After": {"1"}}, want: []string{"(429)", "too much to do"}, isLeftAlone: true},
		{code: 503, reason: "ServiceUnavailable", header: http.Header{"Retry-After": {"1"}}, want: []string{"(503)", "it is asked again"}, isLeftAlone: true},
		{code: 500, reason: "InternalError", want: []string{"etcdserver: no leader", "(500)", "the API or its etcd fails"}},
		{code: 504, reason: "Timeout", want: []string{"(504)", "it is asked again"}},
		{code: 410, reason: "Expired", isChanged: true},
		{code: 422, reason: "Invalid", want: []string{"(422)", "may be another program's"}},
		{code: 404, reason: "x", body: "404 page not found", want: []string{"Not Found (404)"}},
		{code: 502, body: "<html>\x1b[2J", want: []string{"Bad Gateway (502)"}},
		{code: 302, body: "-", want: []string{"Found (302)", "see what answers at"}, location: "https://evil.invalid/"},
		{code: 200, body: `{"kind":"APIResourceList"}`, want: []string{"is not a Lease", "APIResourceList"}},
		{code: 200, body: `{`, want: []string{"is not a Lease"}},
		{code: 200, body: `{"kind":"Lease","x":"` + strings.Repeat("x", 1<<20), want: []string{"is not a Lease"}},
	} {
		t.Run(fmt.Sprint(one.code), func(t *testing.T) {
			count := 0
			server := newServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				count++
				for name, values := range one.header {
					w.Header()[name] = values
				}
				if one.location != "" {
					w.Header().Set("Location", one.location)
				}
				w.WriteHeader(one.code)
				if one.body == "" {
					one.body = fmt.Sprintf(status, "etcdserver: no leader", one.reason, one.code)
				}
				w.Write([]byte(one.body))
			}))
			defer server.Close()
			a := &api{Server: server, t: t}
			store := a.store(a.account("secret-token"), "etl")
			_, err := store.Write(in(t), "1", sample)
			if one.isChanged {
				if err != record.ErrChanged {
					t.Errorf("got %v", err)
				}
				return
			}
			wants(t, err, one.want...)
			_, again := store.Read(in(t))
			if one.isLeftAlone && (count != 1 || again == nil || again.Error() != err.Error()) {
				t.Errorf("it was asked %d times although it wants to be left alone: %v", count, again)
			}
			for began := time.Now(); one.isLeftAlone && count < 2; store.Read(in(t)) {
				if time.Since(began) > bound {
					t.Fatal("it is not asked again")
				}
			}
		})
	}
}

// TestFilesOfAccount: token and CA are read as they are now, and what is wrong with them is said.
func TestFilesOfAccount(t *testing.T) {
	var got string
	handler := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		got = req.Header.Get("Authorization")
		w.WriteHeader(http.StatusUnauthorized)
	})
	first := &api{Server: newServer(handler), t: t}
	defer first.Close()
	one := first.account("first-token")
	store := first.store(one, "etl")
	for _, token := range []string{"first-token", "second-token"} {
		check(t, os.WriteFile(one.token(), []byte(token), 0o600))
		_, err := store.Read(in(t))
		wants(t, err, "(401)")
		if got != "Bearer "+token {
			t.Errorf("sent %q", got)
		}
	}
	right, err := os.ReadFile(one.ca())
	check(t, err)
	other, err := mutualtlstest.NewCA("another")
	check(t, err)
	elsewhere := account{t.TempDir()}
	check(t, other.Issue(elsewhere.dir, mutualtlstest.Certificate{Names: []string{"127.0.0.1"}}))
	foreign, err := os.ReadFile(elsewhere.ca())
	check(t, err)
	check(t, os.WriteFile(one.ca(), foreign, 0o600))
	_, err = store.Read(in(t))
	wants(t, err, "cannot be reached", "ca.crt of the pod's service account is not the CA")
	check(t, os.WriteFile(one.ca(), right, 0o600))
	_, err = store.Read(in(t))
	wants(t, err, "(401)")
	check(t, os.WriteFile(one.ca(), nil, 0o600))
	_, err = store.Read(in(t))
	wants(t, err, "has no certificate", "kube-root-ca.crt")
	check(t, os.Remove(one.ca()))
	_, err = store.Read(in(t))
	wants(t, err, "no CA", "automountServiceAccountToken")
	check(t, os.Remove(one.token()))
	_, err = store.Read(in(t))
	wants(t, err, "no token", "automountServiceAccountToken")
}

func TestServerThatIsAway(t *testing.T) {
	hang := make(chan struct{})
	a := &api{Server: newServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-hang:
		case <-req.Context().Done():
		}
		panic(http.ErrAbortHandler)
	})), t: t}
	store := a.store(a.account("secret-token"), "etl")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := store.Read(ctx)
	wants(t, err, "cannot be reached", "not answered in time")
	close(hang)
	_, err = store.Read(in(t))
	wants(t, err, "cannot be reached")
	a.Close()
	_, err = store.Read(in(t))
	wants(t, err, "cannot be reached", "the API server is not running")
}

func TestInCluster(t *testing.T) {
	if runtime.GOOS == "windows" {
		_, err := kubernetes.InCluster(func(string) string { return "1" })
		wants(t, err, "on Windows")
		return
	}
	env := map[string]string{"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
	config, err := kubernetes.InCluster(func(name string) string { return env[name] })
	if err != nil || config.API != "https://[fd00::1]:443" || !strings.HasSuffix(config.TokenFile, "/token") {
		t.Errorf("%+v, %v", config, err)
	}
	_, err = kubernetes.InCluster(func(string) string { return "" })
	wants(t, err, "not a pod", "PostgreSQL")
}

func wants(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil || errors.Is(err, record.ErrNone) || errors.Is(err, record.ErrChanged) {
		t.Errorf("got %v, want an error with %q", err, parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v\n  does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "-token") || strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("the error has a token, or what steers a terminal: %q", err)
	}
}
