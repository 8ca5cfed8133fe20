package main

import (
	"os/exec"
	"testing"
)

// TestAlertRules: each rule of docs/monitoring is silent before it is due, and not after. That a
// Prometheus has them from an agent, serve-metrics.txtar shows.
func TestAlertRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: apt install prometheus")
	}
	if out, err := exec.Command(promtool, "test", "rules", "../../docs/monitoring/alerts_test.yml").CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}
