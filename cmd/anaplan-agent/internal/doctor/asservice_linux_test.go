package doctor

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/asservice"
)

// The service may have what who runs doctor has not: that is said, with the command that has it too.
func TestTellDifference(t *testing.T) {
	const text = `# /etc/systemd/system/anaplan-agent.service
[Service]
User=anaplan-agent
#SupplementaryGroups=tss
LoadCredential=old:/etc/old
StateDirectory=anaplan-agent
# /etc/systemd/system/anaplan-agent.service.d/override.conf
[Service]
SupplementaryGroups=softhsm daily
LoadCredential=
LoadCredential=hsm-pin:/etc/anaplan-agent/hsm-pin
`
	for name, test := range map[string]struct {
		text string
		me   self
		want string // "": nothing is said
		do   string
	}{
		"somebody": {text, self{user: "ana", groups: []string{"ana", "daily"}},
			"has the user anaplan-agent, the groups softhsm, the credentials hsm-pin, and",
			"sudo anaplan-agent as-service doctor"},
		"its user without its groups": {text, self{user: "anaplan-agent", credentials: true}, "has the groups softhsm, daily, and", "as-service"},
		"itself":                      {text, self{user: "anaplan-agent", groups: []string{"softhsm", "daily"}, credentials: true}, "", ""},
		"a unit that says nothing":    {"[Service]\nExecStart=/usr/bin/x serve\n", self{user: "root"}, "", ""},
	} {
		r := &Report{}
		(&unit{Report: r, kind: "the service of this machine"}).tellDifference(asservice.NewUnit("x.service", test.text), (&asservice.Unit{}).ConfigFile(), test.me)
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
	for text, want := range map[string]string{
		"Environment=ANAPLAN_AGENT_CONFIG=/etc/other.toml\n":            "/etc/other.toml",
		"Environment=A=b 'XDG_CONFIG_HOME=" + dir + "'\n":               dir + name,
		"Environment=XDG_CONFIG_HOME=/nowhere\nUser=no-such-user\n":     "/etc" + name,
		"Environment=ANAPLAN_AGENT_CONFIG=/a\nEnvironment=\nUser=x-y\n": "/etc" + name,
	} {
		for own, severity := range map[string]finding.Severity{want: finding.OK, "/home/ana/config.toml": finding.Warning} {
			r := &Report{}
			(&unit{Report: r, kind: "the service of this machine"}).tellDifference(asservice.NewUnit("x.service", "[Service]\n"+text), own, self{})
			if len(r.findings) == 0 || r.findings[0].Severity != severity || !strings.Contains(r.findings[0].What, "the service of this machine reads "+want) {
				t.Errorf("%q: got %+v, want %s of %s", text, r.findings, severity, want)
			}
		}
	}
}
