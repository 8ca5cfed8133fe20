//go:build linux && cgo

package main

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// benchFleetVariable is for how long benchmarkHour goes on, such as "1h".
const benchFleetVariable = "ANAPLAN_AGENT_BENCH_FLEET"

const shortHour = 3 * time.Minute

// kills is how often the leader is killed in that time: every five minutes of an hour.
const kills = 12

// benchmarkGap kills the leader while programs call, which do not wait for any allowance: no call fails,
// and the longest is as long as nobody was there.
func (f *fleetLab) benchmarkGap(b *testing.B, row row) {
	const times, pause = 5, 20 * time.Millisecond
	calls := f.callAll(b, "/2/0/kilobyte", pause)
	var longest []float64
	for range times {
		time.Sleep(time.Second)
		calls.take()
		killed := f.killLeader(b)
		time.Sleep(time.Second)
		f.bringBack(b, killed)
		longest = append(longest, calls.take().longest.Seconds())
	}
	done := calls.stop()
	row("leader killed, longest call of 8 programs, s", slices.Max(longest), "<= 1", "%.2f", "five times")
	row("  median", median(longest), "", "%.2f", "")
	row("  calls that failed", float64(done.failed), "= 0", "%.0f", "")
}

// benchmarkHour has a program on each of 30 machines call as often as it can, while the leader is killed
// again and again.
func benchmarkHour(b *testing.B, row row) {
	length := shortHour
	if text := os.Getenv(benchFleetVariable); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			b.Fatal(err)
		}
	}
	l := newAgentLab(b)
	f := l.startFleet(b, 30, "\napi_url = \""+l.url+"\"\n", []string{"GET /2/0/users/me"})
	anaplan := f.watchAnaplan(b)
	calls := f.callAll(b, "/2/0/users/me", 0)
	logins, most := f.logins(b), 0
	for range kills {
		each := time.Now()
		time.Sleep(length / kills * 2 / 3)
		now := f.logins(b)
		logins, most = now, max(most, now-logins)
		killed := f.killLeader(b)
		time.Sleep(length / kills / 6)
		f.bringBack(b, killed)
		time.Sleep(length/kills - time.Since(each))
	}
	made, seen := calls.stop(), anaplan.stop()
	last := seen[len(seen)-1]
	what := "3 members, 30 edges, " + length.String() + ": "
	row(what+"most logins for a failover", float64(max(most, f.logins(b)-logins)), "<= 1", "%.0f", "the leader is killed twelve times")
	row("  calls of Anaplan in any minute", float64(mostInAMinute(seen)), "<= 600", "%.0f", "")
	row("  429 from Anaplan", float64(last.Throttled), "= 0", "%.0f", "")
	row("  calls made", float64(made.made), "", "%.0f", "")
	row("  calls that failed", float64(made.failed), "= 0", "%.0f", "")
	row("  longest time without a call at Anaplan, s", longestPause(seen).Seconds(), "", "%.1f", "looked at every 0.1 s")
}

// killLeader kills the agent that leads, and returns its machine.
func (f *fleetLab) killLeader(b *testing.B) *benchMachine {
	leader := f.members[0].leader(b)
	for _, member := range f.members {
		if member.address == leader {
			member.kill(b)
			return member
		}
	}
	b.Fatalf("%q leads, which is not a member", leader)
	return nil
}

// bringBack starts a member again, once another leads.
func (f *fleetLab) bringBack(b *testing.B, killed *benchMachine) {
	for _, member := range f.members {
		if member != killed {
			f.await(b, "another leads", func() bool { return member.leader(b) != killed.address && member.leader(b) != "" })
		}
	}
	killed.start(b)
	f.await(b, "it knows who leads", func() bool { return killed.leader(b) != "" })
}

// programs call through all edges, one program each.
type programs struct {
	ended   chan struct{}
	running sync.WaitGroup

	mu  sync.Mutex
	sum callSum
}

// callSum is what became of calls.
type callSum struct {
	made, failed int
	longest      time.Duration
}

// callAll has a program call at each edge, with a pause after each call, until stop.
func (f *fleetLab) callAll(b *testing.B, path string, pause time.Duration) *programs {
	p := &programs{ended: make(chan struct{})}
	for _, edge := range f.edges {
		p.running.Go(func() { p.call(b, edge.agent.socket, path, pause) })
	}
	return p
}

func (p *programs) call(b *testing.B, socket, path string, pause time.Duration) {
	for {
		c, err := newCaller(socket, path)
		if err != nil {
			b.Error(err)
			return
		}
		for err == nil {
			select {
			case <-p.ended:
				c.conn.Close()
				return
			case <-time.After(pause):
			}
			began := time.Now()
			_, err = c.ask()
			p.note(b, err, time.Since(began))
		}
		c.conn.Close() // there may be more of the answer
	}
}

func (p *programs) note(b *testing.B, err error, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sum.made++
	p.sum.longest = max(p.sum.longest, took)
	if err != nil {
		p.sum.failed++
		b.Log(err)
	}
}

// take returns what became of the calls since the last time, of failed ones since the beginning.
func (p *programs) take() callSum {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := p.sum
	p.sum.longest = 0
	return sum
}

func (p *programs) stop() callSum {
	close(p.ended)
	p.running.Wait()
	return p.take()
}

// sample is what Anaplan had seen at a time between two.
type sample struct {
	anaplantest.Counts
	began, ended time.Time
}

// calls is how many calls of the API there were.
func (s *sample) calls() (n int) {
	for route, count := range s.Requests {
		if strings.Contains(route, " /2/0/") {
			n += count
		}
	}
	return n
}

// anaplanWatch looks at Anaplan's counters all the time.
type anaplanWatch struct {
	ended chan struct{}
	seen  chan []sample
}

func (f *fleetLab) watchAnaplan(b *testing.B) *anaplanWatch {
	w := &anaplanWatch{make(chan struct{}), make(chan []sample)}
	go func() {
		var seen []sample
		for {
			one := sample{began: time.Now()}
			if err := json.Unmarshal(f.emulator(b, http.MethodGet, "counters", ""), &one.Counts); err != nil {
				b.Error(err)
			}
			one.ended = time.Now()
			seen = append(seen, one)
			select {
			case <-w.ended:
				w.seen <- seen
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return w
}

func (w *anaplanWatch) stop() []sample {
	close(w.ended)
	return <-w.seen
}

// mostInAMinute returns the most calls that came between two looks which are a minute apart or less.
func mostInAMinute(seen []sample) (most int) {
	first := 0
	for i := range seen {
		for seen[i].ended.Sub(seen[first].began) > time.Minute {
			first++
		}
		most = max(most, seen[i].calls()-seen[first].calls())
	}
	return most
}

// longestPause returns for how long no call came, after the first and before the last.
func longestPause(seen []sample) (longest time.Duration) {
	from := 0
	for i := range seen {
		if seen[i].calls() != seen[from].calls() {
			if seen[from].calls() > 0 {
				longest = max(longest, seen[i].began.Sub(seen[from].ended))
			}
			from = i
		}
	}
	return longest
}
