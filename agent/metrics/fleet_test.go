package metrics_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/metrics"
)

func TestFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(nil, "v1", nil)
		answered := time.Now()
		m.SetFleet(func() *metrics.Fleet {
			return &metrics.Fleet{
				Name: "a:1", Leader: "b:1", CanLead: true, Epoch: 1 << 40, StoreAnswered: answered,
				Members: []metrics.FleetMember{
					{Address: "a:1", Self: true, Reachable: true}, {Address: "b:1", Reachable: true, Skew: -time.Hour}, {Address: "c:1", Skew: time.Hour},
				},
			}
		})
		m.TookOver()
		m.Forwards("b:1")
		m.Forwarded("b:1", true)
		m.Forwarded("b:1", true)
		m.Forwarded("c:1", false)
		time.Sleep(90 * time.Second)
		e := scrape(t, m)
		whole := `{fleet="a:1"}`
		for name, want := range map[string]map[string]float64{
			"leads": {whole: 0}, "can_lead": {whole: 1}, "epoch": {whole: 1 << 40}, "takeovers_total": {whole: 1}, "store_silent_seconds": {whole: 90},
			"leader":                     {`{fleet="a:1",member="a:1"}`: 0, `{fleet="a:1",member="b:1"}`: 1, `{fleet="a:1",member="c:1"}`: 0},
			"member_reachable":           {`{fleet="a:1",member="b:1"}`: 1, `{fleet="a:1",member="c:1"}`: 0},
			"member_clock_ahead_seconds": {`{fleet="a:1",member="b:1"}`: -3600},
			"forwarded_total": {
				`{member="b:1",result="ok"}`: 2, `{member="b:1",result="failed"}`: 0, `{member="c:1",result="failed"}`: 1,
			},
		} {
			wantSamples(t, e, "anaplan_agent_fleet_"+name, want)
		}
	})
}

// TestNoLease: without a store nothing is told of one, and without a fleet nothing of that.
func TestNoLease(t *testing.T) {
	m := metrics.New(nil, "v1", nil)
	if e := scrape(t, m); e.samples["anaplan_agent_fleet_takeovers_total"] != nil || e.samples["anaplan_agent_tls_files_usable"] != nil {
		t.Error("there is no fleet, and something is told of it")
	}
	m.SetFleet(func() *metrics.Fleet { return &metrics.Fleet{Name: "a:1", Leads: true} })
	e := scrape(t, m)
	wantSamples(t, e, "anaplan_agent_fleet_leads", map[string]float64{`{fleet="a:1"}`: 1})
	wantSamples(t, e, "anaplan_agent_fleet_store_silent_seconds", nil)
}

func TestCertificateForOtherMachines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(nil, "v1", nil)
		var now metrics.Certificate
		m.SetCertificate(func() metrics.Certificate { return now })
		e := scrape(t, m)
		wantSamples(t, e, "anaplan_agent_tls_files_usable", map[string]float64{"": 0})
		wantSamples(t, e, "anaplan_agent_tls_certificate_seconds_left", nil)
		now = metrics.Certificate{Usable: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Minute)}
		time.Sleep(2 * time.Minute)
		e = scrape(t, m)
		wantSamples(t, e, "anaplan_agent_tls_files_usable", map[string]float64{"": 1})
		wantSamples(t, e, "anaplan_agent_tls_certificate_seconds_left", map[string]float64{"": -60})
		wantSamples(t, e, "anaplan_agent_tls_certificate_lifetime_seconds", map[string]float64{"": 3660})
	})
}
