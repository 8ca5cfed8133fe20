package asservice

import (
	"slices"
	"strings"
	"testing"
)

// unitOf returns a service of these properties, as busctl writes them.
func unitOf(t *testing.T, properties string) *Unit {
	t.Helper()
	unit, err := NewUnit("x.service", []byte(`{"type":"a{sv}","data":[{`+properties+`}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return unit
}

// What the service is given is handed on as systemd-run reads it; booted-as-service.txtar has a real systemd
// do so.
func TestArguments(t *testing.T) {
	unit := unitOf(t, `
		"User":{"type":"s","data":"ana"}, "Group":{"type":"s","data":""},
		"SupplementaryGroups":{"type":"as","data":["a b"]},
		"Environment":{"type":"as","data":["A=b \"c\" %n $d"]},
		"EnvironmentFiles":{"type":"a(sb)","data":[["/etc/x*.env",true],["/etc/y",false]]},
		"StateDirectory":{"type":"as","data":["x","y"]}, "StateDirectoryMode":{"type":"u","data":448},
		"LoadCredential":{"type":"a(ss)","data":[["pin","/etc/pin"],["inherited","inherited"]]},
		"SetCredential":{"type":"a(say)","data":[["set",[37,0,200]]]},
		"ImportCredential":{"type":"as","data":["hsm.*"]}, "RuntimeMaxUSec":{"type":"t","data":1}`)
	want := []string{
		"--property=User=ana", `--property=SupplementaryGroups="a b"`, `--property=ImportCredential="hsm.*"`,
		`--property=StateDirectory="x"`, `--property=StateDirectory="y"`, "--property=StateDirectoryMode=700",
		"--property=RuntimeDirectoryPreserve=yes", `--setenv=A=b "c" %n $d`,
		"--property=EnvironmentFile=-/etc/x*.env", "--property=EnvironmentFile=/etc/y",
		"--property=LoadCredential=pin:/etc/pin", "--property=LoadCredential=inherited:inherited", `--property=SetCredential=set:\x25\x00\xc8`,
	}
	if got := unit.arguments(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, want := unit.Credentials(), []string{"pin", "inherited", "set"}; !slices.Equal(got, want) {
		t.Errorf("its credentials are %q, want %q", got, want)
	}
}

// What a command cannot have as the service has it is refused by name, or told.
func TestRefused(t *testing.T) {
	const ana = `"User":{"type":"s","data":"ana"}`
	for properties, want := range map[string]string{
		ana:                             "",
		`"User":{"type":"s","data":""}`: "x.service names no user",
		ana + `,"DynamicUser":{"type":"b","data":true}`:                 "x.service has DynamicUser=",
		ana + `,"RootDirectory":{"type":"s","data":"/srv"}`:             "x.service has RootDirectory=",
		ana + `,"RootImage":{"type":"s","data":""}`:                     "",
		ana + `,"DynamicUser":{"type":"b","data":false},"X":{"data":1}`: "",
	} {
		err := unitOf(t, properties).refused()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", properties, err, want)
		}
	}
	unit := unitOf(t, ana+`,"BindPaths":{"type":"a(ssbt)","data":[["/a","/b",false,0]]},"PAMName":{"type":"s","data":""}`)
	if got := unit.missing(); !slices.Equal(got, []string{"BindPaths"}) {
		t.Errorf("it goes without %q", got)
	}
}

// Which configuration the service reads is not told where its variables stand in a file.
func TestConfigFile(t *testing.T) {
	for properties, want := range map[string]string{
		`"Environment":{"data":["A=1","ANAPLAN_AGENT_CONFIG=/b"]}`:                                              "/b",
		`"Environment":{"data":["ANAPLAN_AGENT_CONFIG=/b"]},"EnvironmentFiles":{"data":[["/etc/proxy",false]]}`: "",
		`"User":{"data":"no-such-user"},"Environment":{"data":["XDG_CONFIG_HOME=/nowhere"]}`:                    "/etc/anaplan-agent/config.toml",
	} {
		if got := unitOf(t, properties).ConfigFile(); got != want {
			t.Errorf("%s: it reads %q, want %q", properties, got, want)
		}
	}
}

// A unit's name is that of its object on D-Bus.
func TestEscaped(t *testing.T) {
	if got := escaped("anaplan-agent@a1.service"); got != "anaplan_2dagent_40a1_2eservice" {
		t.Errorf("got %s", got)
	}
}

// Commands in what is told are as the person typed this one.
func TestReworded(t *testing.T) {
	t.Setenv(Variable, "")
	if Reworded() != nil {
		t.Error("words change where nothing is run as the service")
	}
	t.Setenv(Variable, "yes")
	const text = "then: anaplan-agent enroll --check; anaplan-agent serve; /usr/bin/anaplan-agent-x"
	const want = "then: sudo anaplan-agent as-service enroll --check; anaplan-agent serve; /usr/bin/anaplan-agent-x"
	if got := Reworded()(text); got != want {
		t.Errorf("got %q", got)
	}
}
