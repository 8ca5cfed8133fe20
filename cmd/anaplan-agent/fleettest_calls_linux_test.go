//go:build cgo

package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

// What the calls of these rows are about, in the model "Plan".
const (
	planURL  = "http://agent/2/0/workspaces/" + anaplantest.FinanceID + "/models/" + anaplantest.PlanID
	fileURL  = planURL + "/files/113000000001" // Sales.csv
	tasksURL = planURL + "/processes/118000000001/tasks"
)

// callUpsets are calls that are under way while the leader ends.
func callUpsets() []upset {
	return []upset{
		{name: "the leader is killed: a call under way that reads, and one that does not", brief: true, once: true, gap: gapKilled, logins: 1, act: func(f *companyLab, leader *companyMachine, _ bool) time.Duration {
			got, done := f.callsUnderWay(leader.kill)
			if got.status != http.StatusOK {
				f.t.Errorf("the call that reads: %d: %s", got.status, got.text)
			}
			if done.status != http.StatusServiceUnavailable || !strings.Contains(done.text, `"code":"unreachable"`) || !strings.Contains(done.text, proxy.MayBeDone) {
				f.t.Errorf("the call that changes something: %d: %s", done.status, done.text)
			}
			leader.start()
			return 0
		}},
		{name: "the leader is stopped: a call under way that reads, and one that does not", brief: true, once: true, gap: gapKilled, logins: 1, act: func(f *companyLab, leader *companyMachine, _ bool) time.Duration {
			got, done := f.callsUnderWay(leader.stop)
			if got.status != http.StatusOK || done.status != http.StatusOK {
				f.t.Errorf("the calls: %d: %s, and %d: %s", got.status, got.text, done.status, done.text)
			}
			leader.start()
			return 0
		}},
		{name: "an upload in pieces while the leader is killed", brief: true, once: true, logins: 2, act: func(f *companyLab, leader *companyMachine, whole bool) time.Duration {
			f.uploads(leader, size(whole))
			return 0
		}},
		{name: "an upload in one piece while the leader is killed", brief: true, once: true, gap: gapKilled, logins: 1, act: func(f *companyLab, leader *companyMachine, _ bool) time.Duration {
			f.breaksUpload(leader)
			return 0
		}},
	}
}

// reply is what became of a call.
type reply struct {
	status int
	text   string
}

func replyOf(way *http.Client, method, url string, body io.Reader) (r reply) {
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return reply{text: err.Error()}
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	response, err := way.Do(req)
	if err != nil {
		return reply{text: err.Error()}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{text: err.Error()}
	}
	return reply{response.StatusCode, string(text)}
}

// underWay is for how long Anaplan takes to answer the calls under way.
const underWay = 1500 * time.Millisecond

// callsUnderWay has the leader end while Anaplan works on two calls of an edge, and returns what became of
// them. The one that starts a task has come to Anaplan once.
func (f *companyLab) callsUnderWay(end func()) (got, done reply) {
	f.t.Helper()
	way, close := f.edges[0].way()
	defer close()
	path := func(url string) string { return strings.TrimPrefix(url, "http://agent") }
	f.server.Fault("GET "+path(planURL)+"/files", 1, anaplantest.Slow(underWay))
	f.server.Fault("POST "+path(tasksURL), 1, anaplantest.Slow(underWay))
	before, calls := f.server.Counts(), make(chan reply, 2)
	go func() { calls <- replyOf(way, http.MethodGet, planURL+"/files", nil) }()
	posted := make(chan reply, 1)
	go func() { posted <- replyOf(way, http.MethodPost, tasksURL, strings.NewReader(`{"localeName":"en_US"}`)) }()
	f.await("the calls are with Anaplan", func() bool { return f.server.Counts().Faults >= before.Faults+2 })
	end()
	got, done = <-calls, <-posted
	for name, n := range f.server.Counts().Requests {
		if strings.HasPrefix(name, "POST ") && strings.Contains(name, "processes") && n-before.Requests[name] != 1 {
			f.t.Errorf("%s came %d times", name, n-before.Requests[name])
		}
	}
	return got, done
}

// size is of an upload.
func size(whole bool) int {
	if whole {
		return 1 << 30
	}
	return 64 << 20
}

// uploads has run upload a file through an edge, and kills the leader once there is a part of it.
func (f *companyLab) uploads(leader *companyMachine, size int) {
	f.t.Helper()
	edge := f.edges[0]
	line := []byte("Apples,1\n")
	content := bytes.Repeat(line, size/len(line))
	edge.check(os.WriteFile(edge.path("sales.csv"), content, 0o600))
	edge.check(os.WriteFile(edge.path("prices.csv"), line, 0o600))
	pieces := func() (n int) {
		for name, count := range f.server.Counts().Requests {
			if strings.HasPrefix(name, "PUT ") && strings.HasSuffix(name, "/chunks/{n}") {
				n += count
			}
		}
		return n
	}
	before, ended := pieces(), make(chan ended, 1)
	run := edge.command("run", "process", "Nightly load", "--model", "Plan", "--upload", "Sales.csv="+edge.path("sales.csv"), "--upload", "Prices.csv="+edge.path("prices.csv"))
	go func() { ended <- edge.run(run) }()
	f.await("a part of the file is with Anaplan", func() bool { return pieces() > before+1 })
	leader.kill()
	if e := <-ended; e.code != 0 {
		f.t.Errorf("run: exit code %d: %s", e.code, e.stderr)
	}
	if got, _ := f.server.FileContent("Sales.csv"); !bytes.Equal(got, content) {
		f.t.Errorf("Anaplan has %d bytes, which are not the %d of the file", len(got), len(content))
	}
	leader.start()
}

// breaksUpload kills the leader in the middle of a request with a file: its program is told that in
// Anaplan's form, and can send it again.
func (f *companyLab) breaksUpload(leader *companyMachine) {
	f.t.Helper()
	way, close := f.edges[0].way()
	defer close()
	content := bytes.Repeat([]byte("Apples,1\n"), 1<<20)
	half := make(chan bool)
	answer := make(chan reply, 1)
	begun := io.MultiReader(bytes.NewReader(content[:len(content)/2]), &gate{half}, bytes.NewReader(content[len(content)/2:]))
	go func() { answer <- replyOf(way, http.MethodPut, fileURL, begun) }()
	half <- true // the first half is on its way
	leader.kill()
	f.succeeds(leader)
	half <- true
	if r := <-answer; r.status != http.StatusServiceUnavailable || !strings.Contains(r.text, `"code":"unreachable"`) || !strings.Contains(r.text, proxy.MayBeDone) {
		f.t.Errorf("the upload: %d: %s", r.status, r.text)
	}
	if r := replyOf(way, http.MethodPut, fileURL, bytes.NewReader(content)); r.status/100 != 2 {
		f.t.Errorf("the upload again: %d: %s", r.status, r.text)
	}
	if got, _ := f.server.FileContent("Sales.csv"); !bytes.Equal(got, content) {
		f.t.Errorf("Anaplan has %d bytes, which are not the %d of the upload", len(got), len(content))
	}
	leader.start()
}

// gate is a part of a body that is empty. It is read to its end once it was let through twice.
type gate struct{ let chan bool }

// Read implements io.Reader.
func (g *gate) Read([]byte) (int, error) {
	<-g.let
	<-g.let
	return 0, io.EOF
}
