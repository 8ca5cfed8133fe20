package metrics_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/metrics"
	"github.com/google/go-cmp/cmp"
)

// scrape returns what m tells, and fails where Prometheus would.
func scrape(t testing.TB, m *metrics.Metrics) *exposition {
	t.Helper()
	var out bytes.Buffer
	m.Write(&out, metrics.Prometheus)
	e, err := parse(out.String())
	if err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	return e
}

func wantSamples(t *testing.T, e *exposition, metric string, want map[string]float64) {
	t.Helper()
	if diff := cmp.Diff(want, e.samples[metric]); diff != "" {
		t.Errorf("%s (-want +got):\n%s", metric, diff)
	}
}

func TestGauges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status := map[string]agent.Status{
			"good": {State: agent.StateHealthy, ExpiresAt: time.Now().Add(35 * time.Minute), Certificate: &agent.CertificateStatus{NotAfter: time.Now().Add(-time.Hour)}},
			"idle": {State: agent.StateIdle, Problem: &agent.Problem{Code: agent.CodePINNeeded}},
		}
		m := metrics.New(func() map[string]agent.Status { return status }, "v1.2.3", func() int { return 7 })
		time.Sleep(5 * time.Minute)
		e := scrape(t, m)
		wantSamples(t, e, "anaplan_agent_token_seconds_left", map[string]float64{`{profile="good"}`: 1800})
		wantSamples(t, e, "anaplan_agent_certificate_seconds_left", map[string]float64{`{profile="good"}`: -3900})
		wantSamples(t, e, "anaplan_agent_state", map[string]float64{
			`{profile="good",state="healthy"}`: 1, `{profile="good",state="idle"}`: 0, `{profile="good",state="degraded"}`: 0,
			`{profile="good",state="down"}`: 0, `{profile="good",state="locked"}`: 0,
			`{profile="idle",state="healthy"}`: 0, `{profile="idle",state="idle"}`: 1, `{profile="idle",state="degraded"}`: 0,
			`{profile="idle",state="down"}`: 0, `{profile="idle",state="locked"}`: 0,
		})
		wantSamples(t, e, "anaplan_agent_problem", map[string]float64{`{profile="idle",code="pin_needed"}`: 1})
		wantSamples(t, e, "anaplan_agent_connections", map[string]float64{"": 7})
		wantSamples(t, e, "anaplan_agent_build_info", map[string]float64{`{version="v1.2.3"}`: 1})
		if e.samples["process_start_time_seconds"][""] != float64(time.Now().Add(-5*time.Minute).Unix()) {
			t.Error("the start is wrong")
		}
	})
}

func TestEvents(t *testing.T) {
	m := metrics.New(nil, "v1", nil)
	refused := agent.Problemf(agent.CodePINRefused, "no")
	for _, e := range []agent.Event{
		{Kind: agent.EventSign, Took: 20 * time.Millisecond},
		{Kind: agent.EventSign, Took: 3 * time.Second},
		{Kind: agent.EventSign, Took: time.Hour},
		{Kind: agent.EventSign, Took: time.Hour, Problem: refused},
		{Kind: agent.EventLogin, Took: time.Second},
		{Kind: agent.EventRefresh, Problem: agent.Problemf(agent.CodeUnreachable, "no")},
		{Kind: agent.EventLogout},
		{Kind: agent.EventIdle},
		{Kind: agent.EventState, Problem: refused},
		{Kind: "unheard of"},
	} {
		m.Event("p", e)
	}
	m.Event("q", agent.Event{Kind: agent.EventSign})

	e := scrape(t, m)
	wantSamples(t, e, "anaplan_agent_signatures_total", map[string]float64{
		`{profile="p",result="ok"}`: 3, `{profile="p",result="failed"}`: 1, `{profile="q",result="ok"}`: 1,
	})
	wantSamples(t, e, "anaplan_agent_logins_total", map[string]float64{`{profile="p",result="ok"}`: 1})
	wantSamples(t, e, "anaplan_agent_refreshes_total", map[string]float64{`{profile="p",result="failed"}`: 1})
	wantSamples(t, e, "anaplan_agent_logouts_total", map[string]float64{`{profile="p",result="ok"}`: 1})
	wantSamples(t, e, "anaplan_agent_failures_total", map[string]float64{
		`{profile="p",code="pin_refused"}`: 1, `{profile="p",code="unreachable"}`: 1,
	})
	sign := e.samples["anaplan_agent_sign_seconds"]
	for key, want := range map[string]float64{
		"_count": 4, "_sum": 3603.02, `_bucket{le="0.01"}`: 1, `_bucket{le="0.025"}`: 2, `_bucket{le="5"}`: 3, `_bucket{le="60"}`: 3, `_bucket{le="+Inf"}`: 4,
	} {
		if got, ok := sign[key]; !ok || got != want {
			t.Errorf("sign_seconds%s: %v, want %v", key, got, want)
		}
	}
	if e.samples["anaplan_agent_login_seconds"]["_count"] != 1 || e.samples["anaplan_agent_refresh_seconds"] != nil {
		t.Error("latencies of logins or refreshes are wrong")
	}
}

func TestRequests(t *testing.T) {
	m := metrics.New(nil, "v1", nil)
	for range 3 {
		m.Request("GET /v1/token", 200, 80*time.Microsecond)
	}
	m.Request("GET /v1/token", 403, time.Millisecond)
	m.Request("POST /v1/login", 200, time.Second)
	e := scrape(t, m)
	wantSamples(t, e, "anaplan_agent_requests_total", map[string]float64{
		`{route="GET /v1/token",status="200"}`: 3, `{route="GET /v1/token",status="403"}`: 1, `{route="POST /v1/login",status="200"}`: 1,
	})
	seconds := e.samples["anaplan_agent_request_seconds"]
	if got := seconds[`_bucket{route="GET /v1/token",le="0.0001"}`]; got != 3 {
		t.Errorf("fast requests: %v", got)
	}
	if got := seconds[`_count{route="GET /v1/token"}`]; got != 4 {
		t.Errorf("requests: %v", got)
	}
}

// TestRoutesWithoutEnd: a route that callers choose does not fill the memory.
func TestRoutesWithoutEnd(t *testing.T) {
	m := metrics.New(nil, "v1", nil)
	for i := range 10_000 {
		m.Request(fmt.Sprint("/", i), 200, 0)
	}
	total := 0.0
	samples := scrape(t, m).samples["anaplan_agent_requests_total"]
	for _, value := range samples {
		total += value
	}
	if len(samples) > 600 || total != 10_000 {
		t.Errorf("%d routes with %v requests", len(samples), total)
	}
}

func TestOddNames(t *testing.T) {
	odd := []string{`a"b`, "a\nb", `a\`, `a\"`, "{}", `",x="`, "", "ü", "a\xffb", "a,b=c} 1", "le"}
	status := map[string]agent.Status{}
	for _, name := range odd {
		status[name] = agent.Status{State: agent.StateDown, ExpiresAt: time.Now()}
	}
	m := metrics.New(func() map[string]agent.Status { return status }, "v\"1\n", nil)
	for _, name := range odd {
		m.Event(name, agent.Event{Kind: agent.EventSign, Problem: agent.Problemf(agent.Code(name), "no")})
		m.Request(name, 200, time.Second)
	}
	e := scrape(t, m)
	for metric, want := range map[string]int{"failures_total": 1, "signatures_total": 1, "requests_total": 1, "state": 5, "token_seconds_left": 1} {
		if got := len(e.samples["anaplan_agent_"+metric]); got != want*len(odd) {
			t.Errorf("%s: %d samples, want %d", metric, got, want*len(odd))
		}
	}
}

// FuzzLabels: whatever a name is, the text stays right.
func FuzzLabels(f *testing.F) {
	f.Add("default", "v1")
	f.Add("a\\\"\n\xff{}", "")
	f.Fuzz(func(t *testing.T, profile, version string) {
		m := metrics.New(func() map[string]agent.Status { return map[string]agent.Status{profile: {}} }, version, nil)
		m.Event(profile, agent.Event{Kind: agent.EventSign})
		m.Request(profile, 200, 0)
		scrape(t, m)
	})
}

func TestNothingYet(t *testing.T) {
	e := scrape(t, metrics.New(func() map[string]agent.Status { return nil }, "v1", nil))
	for metric := range e.samples {
		if strings.HasPrefix(metric, "anaplan_agent_") && metric != "anaplan_agent_build_info" {
			t.Errorf("%s is told, and nothing has happened", metric)
		}
	}
	if e.samples["go_goroutines"][""] < 1 || e.samples["go_memstats_sys_bytes"][""] < 1<<20 {
		t.Error("Go's own metrics are wrong")
	}
	if runtime.GOOS == "linux" && e.samples["process_resident_memory_bytes"][""] < 1<<20 {
		t.Error("the memory of the process is wrong")
	}
}

func TestConcurrentUse(t *testing.T) {
	const callers, each = 8, 300
	m := metrics.New(func() map[string]agent.Status { return map[string]agent.Status{"p": {}} }, "v1", nil)
	var wait sync.WaitGroup
	for caller := range callers {
		wait.Go(func() {
			for i := range each {
				m.Request(fmt.Sprint("/", i%7), 200+i%3, time.Millisecond)
				m.Event(fmt.Sprint(caller, i%5), agent.Event{Kind: agent.EventLogin})
			}
		})
	}
	for range 5 {
		wait.Go(func() { scrape(t, m) })
	}
	wait.Wait()
	for _, metric := range []string{"requests_total", "logins_total"} {
		total := 0.0
		for _, value := range scrape(t, m).samples["anaplan_agent_"+metric] {
			total += value
		}
		if total != callers*each {
			t.Errorf("%s: %v, want %d", metric, total, callers*each)
		}
	}
}

func TestRequestAllocatesNothing(t *testing.T) {
	m := metrics.New(nil, "v1", nil)
	m.Request("GET /v1/token", 200, time.Millisecond)
	if got := testing.AllocsPerRun(100, func() { m.Request("GET /v1/token", 200, time.Millisecond) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// TestMemoryOfProfiles: what a busy profile keeps, in bytes, and what an idle one does not.
func TestMemoryOfProfiles(t *testing.T) {
	const profiles = 1000
	m := metrics.New(nil, "v1", nil)
	before := heap()
	for i := range profiles {
		for _, kind := range []agent.EventKind{agent.EventSign, agent.EventLogin, agent.EventRefresh} {
			m.Event(fmt.Sprint("profile-", i), agent.Event{Kind: kind})
		}
	}
	if got := (heap() - before) / profiles; got > 4<<10 {
		t.Errorf("%d bytes a profile", got)
	}
	runtime.KeepAlive(m)
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func BenchmarkRequest(b *testing.B) {
	m := metrics.New(nil, "v1", nil)
	b.ReportAllocs()
	for b.Loop() {
		m.Request("GET /v1/token", 200, 70*time.Microsecond)
	}
}

func BenchmarkRequestParallel(b *testing.B) {
	m := metrics.New(nil, "v1", nil)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Request("GET /v1/token", 200, 70*time.Microsecond)
		}
	})
}

func BenchmarkScrape(b *testing.B) {
	status := map[string]agent.Status{}
	for i := range 1000 {
		status[fmt.Sprint("profile-", i)] = agent.Status{State: agent.StateHealthy, ExpiresAt: time.Now()}
	}
	m := metrics.New(func() map[string]agent.Status { return status }, "v1", nil)
	for b.Loop() {
		m.Write(new(bytes.Buffer), metrics.Prometheus)
	}
}
