//go:build cgo

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/agent/audit"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// soakVariable is for how long TestSoak goes on, such as "3m".
const soakVariable = "ANAPLAN_AGENT_SOAK"

// shortSoak is how long it goes on in each test run.
const shortSoak = 8 * time.Second

// TestSoak has an agent serve tokens and calls for a long time, while the weather changes,
// signers are killed and settings are loaded anew. At the end it holds no more descriptors,
// goroutines and memory than at the beginning, and it, Anaplan, the device, its audit log and
// its callers have counted the same.
func TestSoak(t *testing.T) {
	length := shortSoak
	if text := os.Getenv(soakVariable); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	row := trouble{server: anaplantest.Options{TokenLife: shortLife, Burst: 1 << 20}, fault: fault{orders: []string{"C_SignInit=kill"}}}
	s := &soak{faultSite: row.newFaultSite(t, newFaultLab(t))}
	s.ofAgent = map[string]string{"audit_file": s.path("audit.log")}
	s.start()
	s.crowd = s.watch(4)
	calls := s.call()
	s.await("a token and a call", func() bool { return s.crowd.hasToken() && s.called.Load() > 0 })
	before := s.outlastDisturbances(length / 4)
	after := s.outlastDisturbances(length * 3 / 4)
	s.crowd.stop()
	calls()
	s.wantNoMore(before, after)
	s.wantSameCounts()
	s.stop()
	t.Logf("%v: %v, then %v; %d tokens, %d calls, %d disturbances", length, before, after, s.crowd.had(), s.called.Load(), s.disturbed)
}

// soak is the site of TestSoak.
type soak struct {
	*faultSite
	called    atomic.Int64 // calls of the API that were answered with 200
	disturbed int
}

// call has a caller make calls of the API through the agent, until the function that it
// returns is called.
func (s *soak) call() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		client := s.client()
		defer client.Close()
		through := &http.Client{Transport: client.Transport(local.As{Profile: "default"})}
		for ctx.Err() == nil {
			s.callOnce(through)
			time.Sleep(200 * time.Millisecond) // fewer than the 600 a minute that Anaplan takes
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	s.t.Cleanup(stop)
	return stop
}

func (s *soak) callOnce(through *http.Client) {
	response, err := through.Get("http://agent/2/0/users/me")
	if err != nil {
		return
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	if response.StatusCode == http.StatusOK {
		s.called.Add(1)
	}
}

// outlastDisturbances returns what the agent holds when they are over.
func (s *soak) outlastDisturbances(length time.Duration) holdings {
	s.t.Helper()
	for end := time.Now().Add(length); time.Now().Before(end); {
		s.disturb()
	}
	s.leave()
	s.await("all is well", s.isWell)
	return s.rest()
}

// leave ends what visit has begun.
func (s *soak) leave() {
	for _, conn := range s.visitors {
		conn.Close()
	}
	s.visitors = nil
}

// disturb does one of several things that should make no difference.
func (s *soak) disturb() {
	s.t.Helper()
	defer time.Sleep(300 * time.Millisecond)
	s.disturbed++
	switch s.disturbed % 6 {
	case 0: // Anaplan ends the token
		s.anaplan.server.RevokeAll()
	case 1: // and is away when there is to be another
		s.anaplan.turn("/token/authenticate", anaplantest.Unavailable())
		s.anaplan.server.RevokeAll()
		time.Sleep(300 * time.Millisecond)
		s.anaplan.turn("", nil)
	case 2: // the signer is killed
		s.begin()
		s.anaplan.server.RevokeAll()
		time.Sleep(300 * time.Millisecond)
		s.end()
	case 3:
		s.check(s.agent.cmd.Process.Signal(syscall.SIGHUP))
	case 4:
		s.leave()
		s.visit(50, "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
	case 5:
		s.anaplan.turn("/token/refresh", anaplantest.Failing(500))
		time.Sleep(time.Second)
		s.anaplan.turn("", nil)
	}
}

// holdings are what a process holds on to.
type holdings struct {
	descriptors, goroutines int
	anonymous               int // kB of memory that are not a file's
}

func (h holdings) String() string {
	return fmt.Sprintf("%d descriptors, %d goroutines, %d kB", h.descriptors, h.goroutines, h.anonymous)
}

// rest returns what the agent holds when it does nothing but serve.
func (s *soak) rest() holdings {
	s.t.Helper()
	best := s.holdings()
	for range 20 { // what ends by itself may take its time
		time.Sleep(100 * time.Millisecond)
		now := s.holdings()
		best = holdings{min(best.descriptors, now.descriptors), min(best.goroutines, now.goroutines), min(best.anonymous, now.anonymous)}
	}
	return best
}

func (s *soak) holdings() holdings {
	s.t.Helper()
	pid := strconv.Itoa(s.agent.cmd.Process.Pid)
	descriptors, err := os.ReadDir(filepath.Join("/proc", pid, "fd"))
	s.check(err)
	status, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	s.check(err)
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	var anonymous int
	fmt.Sscan(rest, &anonymous)
	return holdings{len(descriptors), int(s.metrics()["go_goroutines"]), anonymous}
}

// metrics returns the agent's own figures.
func (s *soak) metrics() map[string]float64 {
	s.t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", s.path("run/agent.sock"))
	}}
	response, err := (&http.Client{Transport: transport}).Get("http://agent/metrics")
	s.check(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	s.check(err)
	figures := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			figures[name] = number
		}
	}
	return figures
}

// What an agent may hold more at the end: a connection that is being made, and the memory
// that a garbage collector has not come to.
const (
	spareDescriptors = 8
	spareGoroutines  = 24
	spareKilobytes   = 6 << 10
)

func (s *soak) wantNoMore(before, after holdings) {
	s.t.Helper()
	if after.descriptors > before.descriptors+spareDescriptors || after.goroutines > before.goroutines+spareGoroutines ||
		!underRace && after.anonymous > before.anonymous+spareKilobytes {
		s.t.Errorf("at the beginning %v, at the end %v", before, after)
	}
}

// wantSameCounts compares what everybody has counted. The agent may be in the middle of
// something, which not all have counted yet.
func (s *soak) wantSameCounts() {
	s.t.Helper()
	var differing map[string][]int
	for deadline := time.Now().Add(lastAnswer); time.Now().Before(deadline); time.Sleep(betweenCalls) {
		if differing = s.differingCounts(); len(differing) == 0 {
			return
		}
	}
	s.t.Errorf("not all have counted the same: %v", differing)
}

// differingCounts returns the counts that are not the same, by what is counted and by whom.
func (s *soak) differingCounts() map[string][]int {
	s.t.Helper()
	figures, lines, server := s.metrics(), s.audited(), s.anaplan.server.Counts()
	ok := func(name string) int { return int(figures[name+`{profile="default",result="ok"}`]) }
	all := map[string][]int{
		"signatures (agent, audit log)":         {ok("anaplan_agent_signatures_total"), lines["signature ok"]},
		"logins (agent, audit log, Anaplan)":    {ok("anaplan_agent_logins_total"), lines["login ok"], server.Logins},
		"refreshes (agent, audit log, Anaplan)": {ok("anaplan_agent_refreshes_total"), lines["refresh ok"], server.Refreshes},
		"tokens (callers, audit log)":           {s.crowd.had(), lines["token ok"]},
		"calls (callers, audit log)":            {int(s.called.Load()), lines["call 200"]},
	}
	maps.DeleteFunc(all, func(_ string, counts []int) bool { return slices.Min(counts) == slices.Max(counts) })
	return all
}

// audited counts the lines of the audit log, by action and result, and verifies it.
func (s *soak) audited() map[string]int {
	s.t.Helper()
	text, err := os.ReadFile(s.path("audit.log"))
	s.check(err)
	if _, err := audit.Verify(bytes.NewReader(text)); err != nil {
		s.t.Errorf("the audit log: %v", err)
	}
	counts := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var entry struct {
			Action, Result string
			Call           *struct{ Status int }
		}
		s.check(json.Unmarshal([]byte(line), &entry))
		if entry.Call != nil {
			entry.Result = strconv.Itoa(entry.Call.Status)
		}
		counts[entry.Action+" "+entry.Result]++
	}
	return counts
}
