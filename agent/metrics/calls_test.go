package metrics_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/metrics"
)

func TestCalls(t *testing.T) {
	m := metrics.New(nil, "v1", nil)
	for range 2 {
		m.Call(metrics.Call{Profile: "p", Client: "client:c", Status: 200, Sent: 5, Received: 7, Took: 20 * time.Millisecond})
	}
	m.Call(metrics.Call{Profile: "p", Client: "client:c", Status: 404, Received: 1, Took: time.Second})
	m.Call(metrics.Call{Profile: "p", Client: "user:0"})
	e := scrape(t, m)
	wantSamples(t, e, "anaplan_agent_calls_total", map[string]float64{
		`{profile="p",client="client:c",status="200"}`: 2, `{profile="p",client="client:c",status="404"}`: 1, `{profile="p",client="user:0",status="0"}`: 1,
	})
	wantSamples(t, e, "anaplan_agent_call_sent_bytes_total", map[string]float64{
		`{profile="p",client="client:c"}`: 10, `{profile="p",client="user:0"}`: 0,
	})
	wantSamples(t, e, "anaplan_agent_call_received_bytes_total", map[string]float64{
		`{profile="p",client="client:c"}`: 15, `{profile="p",client="user:0"}`: 0,
	})
	if got := e.samples["anaplan_agent_call_seconds"][`_count{profile="p"}`]; got != 4 {
		t.Errorf("%v calls were timed", got)
	}
}

func TestCallsOfManyClients(t *testing.T) {
	m := metrics.New(nil, "v1", nil)
	for i := range 10_000 {
		m.Call(metrics.Call{Profile: "p", Client: fmt.Sprint("user:", i), Status: 200})
	}
	samples, total := scrape(t, m).samples["anaplan_agent_calls_total"], 0.0
	for _, value := range samples {
		total += value
	}
	if len(samples) > 2100 || total != 10_000 {
		t.Errorf("%d series with %v calls", len(samples), total)
	}
}

func TestAllowances(t *testing.T) {
	m := metrics.New(nil, "v1", nil)
	m.SetAllowances(func() map[string]metrics.Allowance {
		return map[string]metrics.Allowance{"acme": {Left: 12.5, Waiting: 3, HeldFor: 4 * time.Second, Waited: 5, Refused: 6, Held: 7}}
	})
	e := scrape(t, m)
	for name, want := range map[string]float64{"left": 12.5, "waiting": 3, "held_seconds": 4, "waited_total": 5, "refused_total": 6, "holds_total": 7} {
		wantSamples(t, e, "anaplan_agent_allowance_"+name, map[string]float64{`{tenant="acme"}`: want})
	}
}
