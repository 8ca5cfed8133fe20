package metrics_test

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/metrics"
)

func TestWanted(t *testing.T) {
	const prometheus2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
	for _, test := range []struct {
		accept string
		want   metrics.Format
	}{
		{"", metrics.Prometheus},
		{"*/*", metrics.Prometheus},
		{"text/html, */*", metrics.Prometheus},
		{prometheus2, metrics.OpenMetrics},
		{"application/openmetrics-text", metrics.OpenMetrics},
		{"application/openmetrics-text; version=1.0.0; q=0.5, text/plain; q=0.4", metrics.OpenMetrics},
		{"application/openmetrics-text; version=1.0.0; q=0.5, text/plain", metrics.Prometheus},
		{"application/openmetrics-text; version=2.0.0", metrics.Prometheus},
		{"application/openmetrics-text; q=0", metrics.Prometheus},
		{"application/openmetrics-text; q=x", metrics.Prometheus},
		{";;;,/,application/openmetrics-text", metrics.OpenMetrics},
	} {
		if got := metrics.Wanted([]string{test.accept}); got != test.want {
			t.Errorf("%q: %s", test.accept, got)
		}
	}
}

// full returns Metrics that have something to tell of each kind.
func full() *metrics.Metrics {
	status := map[string]agent.Status{"default": {
		State: agent.StateHealthy, ExpiresAt: time.Now().Add(time.Minute), Problem: &agent.Problem{Code: agent.CodeUnreachable},
		Certificate: &agent.CertificateStatus{NotAfter: time.Now().Add(time.Hour)},
	}}
	m := metrics.New(func() map[string]agent.Status { return status }, "v1.2.3", func() int { return 1 })
	m.SetAllowances(func() map[string]metrics.Allowance { return map[string]metrics.Allowance{"default": {}} })
	m.SetAudit(func() (bool, int) { return true, 0 })
	for _, kind := range []agent.EventKind{agent.EventSign, agent.EventLogin, agent.EventRefresh, agent.EventLogout} {
		m.Event("default", agent.Event{Kind: kind, Took: time.Second})
		m.Event("default", agent.Event{Kind: kind, Problem: &agent.Problem{Code: agent.CodeUnreachable}})
	}
	m.Failover("default")
	m.Request("/v1/token", 200, time.Millisecond)
	m.Call(metrics.Call{Profile: "default", Client: "client:nightly", Status: 200, Sent: 1, Received: 2, Took: time.Second})
	return m
}

// TestPromtool: Prometheus' own tool has nothing to say against the metrics.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: apt install prometheus")
	}
	check := exec.Command(promtool, "check", "metrics")
	var text bytes.Buffer
	full().Write(&text, metrics.Prometheus)
	check.Stdin = &text
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// TestOpenMetrics: it is the same in both formats but for what the other one names otherwise. That
// Prometheus reads it, a test of the whole program shows.
func TestOpenMetrics(t *testing.T) {
	m := full()
	var plain, open bytes.Buffer
	m.Write(&plain, metrics.Prometheus)
	m.Write(&open, metrics.OpenMetrics)
	samples := func(text string) string {
		text = regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")
		return regexp.MustCompile(`(?m)^((go|process)_\S+|\S*_left\S*) .*$`).ReplaceAllString(text, "$1")
	}
	if got := strings.ReplaceAll(samples(open.String()), `.0"}`, `"}`); got != samples(plain.String()) {
		t.Errorf("other samples:\n%s\nthan\n%s", got, samples(plain.String()))
	}
	if !strings.HasSuffix(open.String(), "\n# EOF\n") || strings.Contains(plain.String(), "EOF") {
		t.Error("the end is not marked in OpenMetrics alone")
	}
	for line := range strings.Lines(open.String()) {
		if strings.HasPrefix(line, "# TYPE") && strings.HasSuffix(line, " counter\n") && strings.Contains(line, "_total") {
			t.Errorf("a counter is named as its samples: %s", line)
		}
	}
}
