package doctor

import (
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/finding"
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
			"sudo systemd-run --pipe --wait --collect -p User=anaplan-agent -p 'SupplementaryGroups=softhsm daily' -p LoadCredential=hsm-pin:/etc/anaplan-agent/hsm-pin -p StateDirectory=anaplan-agent /usr/bin/x doctor"},
		"its user without its groups": {text, self{user: "anaplan-agent", credentials: true}, "has the groups softhsm, daily, and", "systemd-run"},
		"itself":                      {text, self{user: "anaplan-agent", groups: []string{"softhsm", "daily"}, credentials: true}, "", ""},
		"a unit that says nothing":    {"[Service]\nExecStart=/usr/bin/x serve\n", self{user: "root"}, "", ""},
	} {
		r := &Report{}
		(&unit{Report: r, kind: "the service of this machine"}).tellDifference(test.text, "/usr/bin/x", test.me)
		switch {
		case test.want == "" && len(r.findings) == 0:
		case len(r.findings) != 1 || r.findings[0].Severity != finding.Info ||
			!strings.Contains(r.findings[0].What, test.want) || !strings.Contains(r.findings[0].Do, test.do):
			t.Errorf("%s: got %+v", name, r.findings)
		}
	}
}
