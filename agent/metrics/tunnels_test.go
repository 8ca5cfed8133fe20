package metrics_test

import (
	"fmt"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/metrics"
)

func TestTunnels(t *testing.T) {
	m := metrics.New(nil, "v1", nil)
	for range 2 {
		m.Tunnel(metrics.Tunnel{Client: "client:c", Made: true, Sent: 5, Received: 7})
	}
	m.Tunnel(metrics.Tunnel{Client: "client:c"})
	m.SetTunnels(func() int { return 3 })
	e := scrape(t, m)
	wantSamples(t, e, "anaplan_agent_open_tunnels", map[string]float64{"": 3})
	wantSamples(t, e, "anaplan_agent_tunnels_total", map[string]float64{
		`{client="client:c",result="ok"}`: 2, `{client="client:c",result="failed"}`: 1,
	})
	wantSamples(t, e, "anaplan_agent_tunnel_sent_bytes_total", map[string]float64{`{client="client:c"}`: 10})
	wantSamples(t, e, "anaplan_agent_tunnel_received_bytes_total", map[string]float64{`{client="client:c"}`: 14})
}

func TestTunnelsOfManyClients(t *testing.T) {
	m := metrics.New(nil, "v1", nil)
	for i := range 10_000 {
		m.Tunnel(metrics.Tunnel{Client: fmt.Sprint("user:", i), Made: true})
	}
	samples, total := scrape(t, m).samples["anaplan_agent_tunnels_total"], 0.0
	for _, value := range samples {
		total += value
	}
	if len(samples) > 2100 || total != 10_000 {
		t.Errorf("%d series with %v tunnels", len(samples), total)
	}
}
