package doctor

import (
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/google/go-cmp/cmp"
)

func TestJudgeMechanisms(t *testing.T) {
	for _, test := range []struct {
		mechanisms []uint
		want       finding.Severity
	}{
		{[]uint{0x1, 0x42}, finding.OK},
		{[]uint{0x42}, finding.OK},
		{[]uint{0x0, 0x1}, finding.OK},
		{[]uint{0x40, 0x43}, finding.Error},
		{nil, finding.Error},
	} {
		r := &Report{}
		judgeMechanisms(r, "demo", test.mechanisms)
		if f := r.findings[0]; f.Severity != test.want || (f.Do == "") != (f.Severity == finding.OK) {
			t.Errorf("%v: %+v, want %s", test.mechanisms, f, test.want)
		}
	}
}

// What comes out is what net/http's ProxyFromEnvironment returns, which reads the environment
// only once in a process.
func TestParseProxy(t *testing.T) {
	for text, want := range map[string]string{
		"http://proxy:8080":            "http://proxy:8080",
		"proxy:8080":                   "http://proxy:8080",
		"10.0.0.1:8080":                "http://10.0.0.1:8080",
		"http//proxy:8080":             "http://http",
		"http://user:secret#1@p:8080":  "http://http:",
		"http://user:100%sure@p:8080":  "(malformed)",
		"http://user:secret@p:8080":    "http://p:8080 (with a user name)",
		"http://user:se%23cret@p:8080": "http://p:8080 (with a user name)",
		"socks5://p:1080":              "socks5://p:1080",
	} {
		if got := redactProxy(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestHideProxyPasswords(t *testing.T) {
	for _, name := range ProxyVariables {
		t.Setenv(name, "")
	}
	t.Setenv("HTTPS_PROXY", "http://who:se%23cret@proxy:8080")
	t.Setenv("http_proxy", "who:mal#formed@proxy:8080")
	r := &Report{}
	r.hideProxyPasswords()
	r.fail("network.proxy", "use who:se%23cret", "%s", "se%23cret, se#cret and mal#formed\nare passwords")
	for _, secret := range []string{"cret", "formed,", "mal#"} {
		if f := r.findings[0]; strings.Contains(f.What+f.Do, secret) {
			t.Errorf("it shows %q: %+v", secret, f)
		}
	}
	if strings.Contains(r.findings[0].What, "\n") {
		t.Error("a finding has two lines")
	}
}

func TestJudgeUnit(t *testing.T) {
	for _, test := range []struct {
		state    map[string]string
		severity finding.Severity
		do       string
	}{
		{map[string]string{"LoadState": "masked"}, finding.Warning, "systemctl --user unmask"},
		{map[string]string{"LoadState": "not-found"}, finding.Warning, "daemon-reload"},
		{map[string]string{"LoadState": "loaded", "ActiveState": "failed", "Result": "core-dump"}, finding.Error, "journalctl --user"},
		{map[string]string{"ActiveState": "activating", "SubState": "auto-restart"}, finding.Error, "journalctl --user"},
		{map[string]string{"ActiveState": "active", "UnitFileState": "enabled"}, finding.OK, ""},
	} {
		u := &unit{Report: &Report{}, kind: "the service", systemctl: "systemctl --user"}
		u.judge(test.state)
		if f := u.findings[0]; f.Severity != test.severity || !strings.Contains(f.Do, test.do) {
			t.Errorf("%v: %+v, want %s with %q", test.state, f, test.severity, test.do)
		}
	}
}

// What comes before a crash stays.
func TestHear(t *testing.T) {
	var d deviceReport
	step := ""
	for answer, want := range map[string]bool{
		`{"finding":{"check":"device.module","severity":"ok","what":"it loads"}}`: false,
		`{"step":"listing"}`:       false,
		`{"facts":{"ready":true}}`: true,
	} {
		if done, err := d.hear([]byte(answer), &step); done != want || err != nil {
			t.Errorf("%s: %v, %v", answer, done, err)
		}
	}
	want := []finding.Finding{{Check: "device.module", Severity: finding.OK, What: "it loads"}}
	if diff := cmp.Diff(want, d.findings); diff != "" || step != "listing" || !d.facts.Ready {
		t.Errorf("step %q, facts %+v, findings (-want +got):\n%s", step, d.facts, diff)
	}
	if _, err := d.hear([]byte("no JSON"), &step); err == nil {
		t.Error("what is not JSON makes sense")
	}
}

func TestSummary(t *testing.T) {
	r := &Report{}
	r.ok("a.b", "fine")
	r.info("a.b", "", "fine")
	r.skip("a.b", "why")
	r.warn("c.d", "do", "hm")
	r.fail("c.e", "do", "oh")
	if got, want := r.summary(), "1 error, 1 warning, 1 skipped, 1 info, 1 ok"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if r.hasErrors("a.") || !r.hasErrors("c.e") || r.hasErrors("c.d") {
		t.Error("which checks have errors is wrong")
	}
}
