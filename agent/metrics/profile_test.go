package metrics_test

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/metrics"
)

func TestKeys(t *testing.T) {
	m := metrics.New(nil, "v1", nil)
	m.SetProfiles(func() map[string]metrics.Profile {
		return map[string]metrics.Profile{
			"pair": {Keys: 2, Key: 2, WarningDays: 14}, "new": {Keys: 2}, "single": {Keys: 1, Key: 1},
		}
	})
	m.Failover("pair")
	m.Failover("pair")
	e := scrape(t, m)
	wantSamples(t, e, "anaplan_agent_key_active", map[string]float64{
		`{profile="pair",key="1"}`: 0, `{profile="pair",key="2"}`: 1, `{profile="new",key="1"}`: 0, `{profile="new",key="2"}`: 0,
	})
	wantSamples(t, e, "anaplan_agent_failovers_total", map[string]float64{`{profile="pair"}`: 2})
	wantSamples(t, e, "anaplan_agent_certificate_warning_days", map[string]float64{`{profile="pair"}`: 14})
}

func TestNoSeveralKeys(t *testing.T) {
	m := metrics.New(nil, "v1", nil)
	m.SetProfiles(func() map[string]metrics.Profile { return map[string]metrics.Profile{"single": {Keys: 1, Key: 1}} })
	e := scrape(t, m)
	for _, metric := range []string{"key_active", "failovers_total", "certificate_warning_days"} {
		if got := e.samples["anaplan_agent_"+metric]; got != nil {
			t.Errorf("%s: %v", metric, got)
		}
	}
}

func TestActiveMember(t *testing.T) {
	m := metrics.New(nil, "v1", nil)
	m.SetProfiles(func() map[string]metrics.Profile {
		return map[string]metrics.Profile{"edge": {Members: []string{"a:1", "b:1"}, Member: 2}, "own": {Keys: 1, Key: 1}}
	})
	wantSamples(t, scrape(t, m), "anaplan_agent_fleet_member_active", map[string]float64{
		`{profile="edge",member="a:1"}`: 0, `{profile="edge",member="b:1"}`: 1,
	})
}
