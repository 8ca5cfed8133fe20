package kubernetes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/lease"
	"github.com/anaplan-agent/anaplan-agent/agent/lease/kubernetes"
	"github.com/anaplan-agent/anaplan-agent/agent/lease/record"
)

// What make fleet-test-kubernetes says: where the program kube-apiserver is, and where the table goes.
const (
	programVariable = "ANAPLAN_AGENT_KUBE_APISERVER"
	tableVariable   = "ANAPLAN_AGENT_FLEET_TABLE"
)

// TestAPIServer tries everything with a real kube-apiserver, records its answers for
// TestRecordedAnswers, and has three members elect a leader. CI has no kube-apiserver, which takes a
// quarter of an hour to build.
func TestAPIServer(t *testing.T) {
	program := os.Getenv(programVariable)
	if program == "" {
		return
	}
	c := newCluster(t, program)
	tokens := c.prepare(t)
	said := map[string][]exchange{}
	for name, test := range chapters {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, c, nil)
			test(t, a, tokens)
			said[name] = a.said
		})
	}
	if t.Failed() {
		return
	}
	text, err := json.MarshalIndent(said, "", " ")
	check(t, err)
	check(t, os.WriteFile(recorded, append(text, '\n'), 0o644))
	newElection(t, c).play()
}

// election is of three members, each with the service account's files of a pod of its own.
type election struct {
	*testing.T
	c       *cluster
	members map[string]*member
	table   *os.File
}

type member struct {
	*lease.Lease
	store   *cutStore
	account account
	end     func()
}

// cutStore is a way to the API that can be cut.
type cutStore struct {
	lease.Store
	cut atomic.Bool
}

var errCut = errors.New("cut off")

func (s *cutStore) Read(ctx context.Context) (record.Stored, error) {
	if s.cut.Load() {
		return record.Stored{}, errCut
	}
	return s.Store.Read(ctx)
}

func (s *cutStore) Write(ctx context.Context, version string, new record.Record) (record.Stored, error) {
	if s.cut.Load() {
		return record.Stored{}, errCut
	}
	return s.Store.Write(ctx, version, new)
}

func newElection(t *testing.T, c *cluster) *election {
	t.Helper()
	e := &election{T: t, c: c, members: map[string]*member{}}
	var err error
	e.table, err = os.OpenFile(os.Getenv(tableVariable), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	check(t, err)
	t.Cleanup(func() { e.table.Close() })
	return e
}

// join adds a member with a token of its own.
func (e *election) join(name string) {
	dir := account{e.TempDir()}
	ca, err := os.ReadFile(e.c.dir + "/ca.crt")
	check(e.T, err)
	check(e.T, os.WriteFile(dir.ca(), ca, 0o600))
	check(e.T, os.WriteFile(dir.token(), []byte(e.c.token(e.T, "anaplan-agent")), 0o600))
	store := &cutStore{Store: kubernetes.New(kubernetes.Config{Namespace: "etl", Name: "anaplan-agent", API: e.c.url, TokenFile: dir.token(), CAFile: dir.ca()})}
	one := &member{store: store, account: dir, Lease: lease.New(store, lease.Config{Name: name, Address: name + ".etl.svc:8471"})}
	ctx, cancel := context.WithCancel(e.Context())
	ended := make(chan struct{})
	go func() { one.Run(ctx); close(ended) }()
	one.end = func() { cancel(); <-ended }
	e.members[name] = one
}

// leader returns who leads, where all agree; "": they do not.
func (e *election) leader() (leader string) {
	for name, one := range e.members {
		view := one.View()
		switch {
		case view.Self && leader != "", view.Address == "", view.Trouble != nil:
			return ""
		case view.Self:
			leader = name
		}
	}
	for _, one := range e.members {
		if leader == "" || one.View().Address != leader+".etl.svc:8471" {
			return ""
		}
	}
	return leader
}

// awaits waits for something, and writes a line of the table.
func (e *election) awaits(event, what string, most time.Duration, is func() bool) {
	e.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > max(most, bound) {
			for name, one := range e.members {
				e.Logf("%s: %+v", name, one.View())
			}
			e.Fatalf("%s: not %s", event, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
	took, held := time.Since(began), "ok  "
	if took > most {
		held = "late"
		e.Errorf("%s: %s after %v", event, what, took)
	}
	fmt.Fprintf(e.table, "%s %-48s %-44s %5.1f s, at most %v\n", held, event, what, took.Seconds(), most)
}

// holds checks that one leads all the time.
func (e *election) holds(event, leader string, during time.Duration) {
	e.Helper()
	for began := time.Now(); time.Since(began) < during; time.Sleep(20 * time.Millisecond) {
		for name, one := range e.members {
			if view := one.View(); view.Self != (name == leader) {
				e.Fatalf("%s: after %v %s sees %+v", event, time.Since(began), name, view)
			}
		}
	}
	fmt.Fprintf(e.table, "ok   %-48s %-44s %5.1f s\n", event, "the same member leads", during.Seconds())
}

// play has the members go through what happens to them.
func (e *election) play() {
	defer func() {
		for _, one := range e.members {
			one.end()
		}
	}()
	for _, name := range []string{"agent-1", "agent-2", "agent-3"} {
		e.join(name)
	}
	agreed := func() bool { return e.leader() != "" }
	e.awaits("three members start", "all know one leader", 5*time.Second, agreed)
	e.killed()
	e.awaits("it is started again", "all know one leader", 5*time.Second, agreed)
	e.frozen()
	e.awaits("it is back", "it has yielded", 5*time.Second, agreed)
	e.unfit()
	e.awaits("it can lead again", "all know one leader", 5*time.Second, agreed)
	e.deleted()
	e.outage("kube-apiserver is killed", e.c.stop, func() { e.c.start(e.T) })
	e.outage("kube-apiserver is frozen", func() { e.c.server.Process.Signal(syscall.SIGSTOP) }, func() { e.c.server.Process.Signal(syscall.SIGCONT) })
	e.renewed()
	e.forbidden()
	leader := e.leader()
	e.members[leader].end()
	delete(e.members, leader)
	e.awaits("the leader is stopped", "another leads", 2*time.Second, agreed)
}

func (e *election) killed() {
	leader := e.leader()
	e.members[leader].store.cut.Store(true)
	e.members[leader].end()
	delete(e.members, leader)
	for _, one := range e.members {
		one.Suspect(leader + ".etl.svc:8471")
	}
	e.awaits("the leader is killed, its port refuses", "another leads", time.Second, func() bool {
		for _, one := range e.members {
			if one.View().Self {
				return true
			}
		}
		return false
	})
	e.join(leader)
}

func (e *election) frozen() {
	leader := e.leader()
	e.members[leader].store.cut.Store(true)
	e.awaits("the leader is frozen", "another leads", lease.Duration+time.Second, func() bool {
		for name, one := range e.members {
			if name != leader && one.View().Self {
				return true
			}
		}
		return false
	})
	e.members[leader].store.cut.Store(false)
}

func (e *election) unfit() {
	leader := e.leader()
	e.members[leader].SetFit(agent.Problemf(agent.CodeDeviceAbsent, "the token is not there"))
	e.awaits("the leader's token is pulled", "another leads, and says why", 3*time.Second, func() bool {
		now := e.leader()
		return now != "" && now != leader && strings.Contains(e.members[now].View().Why, "the token is not there")
	})
	e.members[leader].SetFit(nil)
}

func (e *election) deleted() {
	leader := e.leader()
	epoch := e.members[leader].View().Epoch
	e.c.as(e.T, administrator, http.MethodDelete, leases+"/anaplan-agent", "")
	e.awaits("the Lease is deleted", "the same member leads by a new one", 5*time.Second, func() bool {
		return e.leader() == leader && e.members[leader].View().Epoch > epoch
	})
}

func (e *election) outage(event string, begin, end func()) {
	leader := e.leader()
	epoch := e.members[leader].View().Epoch
	begin()
	e.holds(event, leader, 40*time.Second)
	if e.members[leader].View().Trouble == nil {
		e.Errorf("%s: the leader does not say so", event)
	}
	end()
	e.awaits("it is back", "all is well, with the same leader", lease.Duration+5*time.Second, func() bool {
		return e.leader() == leader && e.members[leader].View().Epoch == epoch
	})
}

// renewed: the kubelet replaces the tokens.
func (e *election) renewed() {
	leader := e.leader()
	for _, one := range e.members {
		check(e.T, os.WriteFile(one.account.token(), []byte(e.c.token(e.T, "anaplan-agent")), 0o600))
	}
	e.holds("the tokens of all are replaced", leader, lease.Duration)
	check(e.T, os.WriteFile(e.members[leader].account.token(), []byte("x"), 0o600))
	e.awaits("the leader's token is not taken", "it says so, and serves on", 5*time.Second, func() bool {
		view := e.members[leader].View()
		return view.Self && view.Trouble != nil && strings.Contains(view.Trouble.Error(), "(401)")
	})
	check(e.T, os.WriteFile(e.members[leader].account.token(), []byte(e.c.token(e.T, "anaplan-agent")), 0o600))
	e.awaits("it has a good one", "all is well", 5*time.Second, func() bool { return e.leader() == leader })
}

// forbidden: somebody deletes the RoleBinding.
func (e *election) forbidden() {
	const binding = "/apis/rbac.authorization.k8s.io/v1/namespaces/etl/rolebindings/anaplan-agent"
	leader := e.leader()
	e.c.as(e.T, administrator, http.MethodDelete, binding, "")
	e.awaits("the RoleBinding is deleted", "the leader says so, and serves on", 5*time.Second, func() bool {
		view := e.members[leader].View()
		return view.Self && view.Trouble != nil && strings.Contains(view.Trouble.Error(), "(403)")
	})
	e.holds("it stays so", leader, 15*time.Second)
	e.c.as(e.T, administrator, http.MethodPost, strings.TrimSuffix(binding, "/anaplan-agent"), bindingOf("anaplan-agent"))
	e.awaits("it is there again", "all is well, with the same leader", lease.Duration, func() bool { return e.leader() == leader })
}
