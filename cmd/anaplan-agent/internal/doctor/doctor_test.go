package doctor

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/edge"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/agent/fleet"
)

func TestJudgeMechanisms(t *testing.T) {
	for _, test := range []struct {
		mechanisms []uint
		want       finding.Severity
	}{
		{[]uint{0x1, 0x42}, finding.OK},
		{[]uint{0x42}, finding.OK},
		{[]uint{0x0, 0x1}, finding.OK},
		{[]uint{0x40, 0x43}, finding.Warning},
		{nil, finding.Warning},
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
	for answer, want := range map[string]bool{
		`{"finding":{"check":"device.module","severity":"ok","what":"it loads"}}`: false,
		`{"step":"listing"}`:       false,
		`{"facts":{"ready":true}}`: false,
		`{"ended":true}`:           true,
	} {
		if done, err := d.hear([]byte(answer)); done != want || err != nil {
			t.Errorf("%s: %v, %v", answer, done, err)
		}
	}
	want := []finding.Finding{{Check: "device.module", Severity: finding.OK, What: "it loads"}}
	if diff := cmp.Diff(want, d.findings); diff != "" || d.step.Step != "listing" || !d.facts.Ready || !d.known {
		t.Errorf("step %q, facts %+v, findings (-want +got):\n%s", d.step.Step, d.facts, diff)
	}
	if _, err := d.hear([]byte("no JSON")); err == nil {
		t.Error("what is not JSON makes sense")
	}
}

// newTrial returns a login that nothing stands against.
func newTrial(t *testing.T) *trial {
	t.Helper()
	address, err := config.ParseAddress("pkcs11:token=demo;object=login")
	if err != nil {
		t.Fatal(err)
	}
	profile := &config.Profile{Keys: []config.Address{address}, PIN: config.PINSource{Kind: config.PINFile, Arg: "/etc/pin"}}
	return &trial{
		setUp: setUp{profile: profile, hosts: anaplan.Hosts{Auth: "https://auth.example.com"}},
		key:   &deviceFacts{Ready: true}, network: networkState{reached: true},
	}
}

// What would be wrong to try is not tried, and no PIN is sent that may be the last.
func TestWhyNotSign(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*trial)
		want  string // "": it is signed
	}{
		{"well", func(*trial) {}, ""},
		{"not wanted", func(x *trial) { x.options.LoginChosen = true }, "--login=false"},
		{"no settings", func(x *trial) { x.setUp = setUp{} }, "the settings are wrong"},
		{"no key configured", func(x *trial) { x.profile.Keys = nil }, "do not name a key"},
		{"certificate file", func(x *trial) { x.noKey = true }, "the settings are wrong"},
		{"no key there", func(x *trial) { x.key = nil }, "no key that can log in"},
		{"refused", func(x *trial) { x.pin.refused = true }, "is not sent again"},
		{"last try", func(x *trial) { x.key.PINSpent = "the last try" }, "the last try"},
		{"last try, on request", func(x *trial) { x.key.PINSpent, x.options.Login = "the last try", true }, "the last try"},
		{"wrong before", func(x *trial) { x.key.PINDoubt = "it was wrong" }, "it was wrong"},
		{"wrong before, on request", func(x *trial) { x.key.PINDoubt, x.options.Login = "it was wrong", true }, ""},
		{"no PIN", func(x *trial) { x.pin.missing = true }, "no PIN is available"},
		{"no PIN, and none wanted", func(x *trial) { x.pin.missing, x.key.NoPIN = true, true }, ""},
		{"prompt", func(x *trial) { x.profile.PIN.Kind = config.PINPrompt }, "--login asks for that"},
		{"keypad", func(x *trial) { x.key.PINPad = true }, "on the device; --login asks for that"},
		{"touch", func(x *trial) { x.key.Touch = true }, "touch the card; --login asks for that"},
	} {
		x := newTrial(t)
		test.spoil(x)
		if got := x.whyNotSign(); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestWhyNotLogin(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*trial)
		want  string
	}{
		{"well", func(*trial) {}, ""},
		{"offline", func(x *trial) { x.options.Offline = true }, "--offline"},
		{"no region", func(x *trial) { x.hosts = anaplan.Hosts{} }, "which Anaplan is meant"},
		{"clock", func(x *trial) { x.network.clockWrong = true }, "with this clock"},
		{"no way", func(x *trial) { x.network.reached = false }, "cannot be reached"},
	} {
		x := newTrial(t)
		test.spoil(x)
		if got := x.whyNotLogin(); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
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

// What a login shows of the device is found last, and stands beside what was known before.
func TestGroupsStandOnce(t *testing.T) {
	var r Report
	for _, check := range []string{"device.token", "anaplan.login", "device.key"} {
		r.findings = append(r.findings, finding.Finding{Check: check, Severity: finding.OK, What: "it works"})
	}
	want := "0 errors, 0 warnings, 0 skipped, 0 info, 3 ok\n" +
		"\nDevice and key\n  ok       device.token: it works\n  ok       device.key: it works\n" +
		"\nA login to Anaplan\n  ok       anaplan.login: it works\n"
	if got := r.text(true); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A member that answers is not to be started: what it says is to be done.
func TestRefusedByMember(t *testing.T) {
	refusal := agent.Problemf(agent.CodeNotAllowed, "no client of this agent has the certificate for edge.corp")
	refusal.Hints = []string{"name it there"}
	for _, err := range []error{refusal, errors.New("connection refused")} {
		var r Report
		r.judgeMember(edge.Look{Address: "a:1", Err: err}, false)
		r.judgeFleetMember(fleet.State{Address: "a:1", Err: err}, false)
		for _, f := range r.findings {
			if asksThere := f.Do == "name it there"; asksThere != (err == refusal) || strings.HasPrefix(f.Do, "start it") == asksThere {
				t.Errorf("%v: %s", err, f.Do)
			}
		}
	}
}
