package doctor

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/asservice"
)

// unitOf returns a service of these properties, as busctl writes them.
func unitOf(t *testing.T, properties string) *asservice.Unit {
	t.Helper()
	unit, err := asservice.NewUnit("x.service", []byte(`{"data":[{`+properties+`}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return unit
}

// The service may have what who runs doctor has not: that is said, with the command that has it too.
func TestTellDifference(t *testing.T) {
	const properties = `"User":{"data":"anaplan-agent"},"SupplementaryGroups":{"data":["softhsm","daily"]},"LoadCredential":{"data":[["hsm-pin","/etc/anaplan-agent/hsm-pin"]]}`
	for name, test := range map[string]struct {
		properties string
		me         self
		want       string // "": nothing is said
		do         string
	}{
		"somebody": {properties, self{user: "ana", groups: []string{"ana", "daily"}},
			"has the user anaplan-agent, the groups softhsm, the credentials hsm-pin, and",
			"sudo anaplan-agent as-service doctor"},
		"its user without its groups": {properties, self{user: "anaplan-agent", credentials: true}, "has the groups softhsm, daily, and", "as-service"},
		"itself":                      {properties, self{user: "anaplan-agent", groups: []string{"softhsm", "daily"}, credentials: true}, "", ""},
		"a service that says nothing": {`"User":{"data":""}`, self{user: "root"}, "", ""},
	} {
		r := &Report{}
		(&unit{Report: r, kind: "the service of this machine"}).tellDifference(unitOf(t, test.properties), (&asservice.Unit{}).ConfigFile(), test.me)
		r.findings = slices.DeleteFunc(r.findings, func(f finding.Finding) bool { return f.Severity == finding.OK })
		switch {
		case test.want == "" && len(r.findings) == 0:
		case len(r.findings) != 1 || r.findings[0].Severity != finding.Info ||
			!strings.Contains(r.findings[0].What, test.want) || !strings.Contains(r.findings[0].Do, test.do):
			t.Errorf("%s: got %+v", name, r.findings)
		}
	}
}

// Which file the service reads is said where this command reads another one.
func TestTellConfiguration(t *testing.T) {
	dir := t.TempDir()
	const name = "/anaplan-agent/config.toml"
	if err := os.MkdirAll(dir+"/anaplan-agent", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for variables, want := range map[string]string{
		`"ANAPLAN_AGENT_CONFIG=/etc/other.toml"`: "/etc/other.toml",
		`"A=b","XDG_CONFIG_HOME=` + dir + `"`:    dir + name,
		`"XDG_CONFIG_HOME=/nowhere"`:             "/etc" + name,
		``:                                       "/etc" + name,
	} {
		for own, severity := range map[string]finding.Severity{want: finding.OK, "/home/ana/config.toml": finding.Warning} {
			r := &Report{}
			(&unit{Report: r, kind: "the service of this machine"}).tellDifference(unitOf(t, `"Environment":{"data":[`+variables+`]}`), own, self{})
			if len(r.findings) == 0 || r.findings[0].Severity != severity || !strings.Contains(r.findings[0].What, "the service of this machine reads "+want) {
				t.Errorf("%q: got %+v, want %s of %s", variables, r.findings, severity, want)
			}
		}
	}
}
