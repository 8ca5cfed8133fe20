package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestFleet(t *testing.T) {
	file := mustParse(t, `
[profile.default]
key = "pkcs11:token=a"

[fleet]
address = "Agent-1.example:8471"
members = ["agent-1.example:8471", "[::1]:8471"]
trust   = "spiffe://Corp/etl/agent, agent.example"
`)
	want := &Fleet{Address: "agent-1.example:8471", Members: []string{"agent-1.example:8471", "[::1]:8471"}, Trust: []string{"spiffe://corp/etl/agent", "agent.example"}}
	if diff := cmp.Diff(want, file.Fleet(), cmpopts.IgnoreUnexported(Fleet{})); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if (*File)(nil).Fleet() != nil || mustParse(t, "").Fleet() != nil {
		t.Error("there is a fleet without a table")
	}
}

// Every mistake is told, with what to write in its place.
func TestFleetErrors(t *testing.T) {
	const good = "address = 'a:1'\nmembers = ['a:1', 'b:1']\ntrust = 'agent.corp'\n"
	tests := []struct{ name, text, want string }{
		{"nothing", "", `c.toml:1:2: a member of a fleet needs address: where the others find it, as members has it: address = "agent-1.example:8471"`},
		{"no members", "address = 'a:1'\ntrust = 'b'", `c.toml:1:2: a member of a fleet needs members: the addresses of all, in the order in which they lead`},
		{"no trust", "address = 'a:1'\nmembers = 'a:1'", `c.toml:1:2: a member of a fleet needs trust: the name in the members' certificates`},
		{"empty trust", strings.Replace(good, "'agent.corp'", "''", 1), `c.toml:1:2: a member of a fleet needs trust`},
		{"elsewhere", strings.Replace(good, "'a:1'\nm", "'c:1'\nm", 1), "c.toml:2:1: address: c:1 is not one of members, which are a:1, b:1"},
		{"twice", strings.Replace(good, "b:1", "A:1", 1), "c.toml:3:1: members: a:1 is there twice"},
		{"a URL", strings.Replace(good, "b:1", "https://u:835261@b:1", 1), "c.toml:3:1: members: only a host and its port stand here, not a URL"},
		{"no port", strings.Replace(good, "b:1", "b", 1), `c.toml:3:1: members: "b" is not the address of a member; write it as agent-1.example:8471`},
		{"IPv6 without brackets", strings.Replace(good, "b:1", "::1:8471", 1), `"::1:8471" is not the address of a member; write it as agent-1.example:8471, or [2001:db8::1]:8471`},
		{"port 0", strings.Replace(good, "b:1", "b:0", 1), `"b:0" is not the address of a member`},
		{"nowhere", strings.Replace(good, "b:1", "0.0.0.0:1", 1), `"0.0.0.0:1" is not a machine's address; write where others find this one`},
		{"a wildcard", strings.Replace(good, "agent.corp", "*.corp", 1), "c.toml:4:1: trust: "},
		{"a number", strings.Replace(good, "'agent.corp'", "1", 1), "c.toml:4:1: trust is a name in quotes"},
		{"another setting", good + "colour = 'a:1'", `c.toml:5:1: there is no setting "colour"; there are address, members, trust, lease`},
		{"of the agent", good + "listen_tls = '0.0.0.0:1'", "listen_tls does not stand here, but in the table [agent]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("c.toml", []byte("[fleet]\n"+test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "835261") {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
	for text, want := range map[string]string{
		"fleet = 1":              "c.toml:1:1: fleet is a table; write [fleet], and its settings below it",
		"members = ['a:1']":      "c.toml:1:1: members is a setting of a member of a fleet; write [fleet] above it",
		"[agent]\ntrust = 'a.b'": "c.toml:2:1: trust does not stand here, but in the table [fleet]",
	} {
		if _, err := Parse("c.toml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestFleetCheck(t *testing.T) {
	place := filepath.Join(t.TempDir(), "t")
	table := "[fleet]\naddress = 'a:1'\nmembers = ['a:1', 'b:1']\ntrust = 'agent.corp'\n[agent]\ntls = '" + place + "'\nlisten_tls = '0.0.0.0:1'\n[profile.default]\n"
	tests := []struct{ name, text, want string }{
		{"a member", table + "key = 'pkcs11:token=a'", ""},
		{"no port", strings.Replace(table, "listen_tls = '0.0.0.0:1'\n", "", 1) + "key = 'pkcs11:token=a'", "c.toml:1:2: the other members call this one: under [agent], add listen_tls"},
		{"an edge", table + "key = 'agent:https://b:1'", `c.toml:1:2: a member has a key of its own, and that of the profile "default" is another agent's`},
		{"a token file", table + "key = 'pkcs11:token=a'\ntoken_file = '" + place + "'", `the profile "default" cannot have a token_file`},
	}
	for _, test := range tests {
		file := mustParse(t, test.text)
		own, err := file.Agent(nil)
		if err != nil {
			t.Fatal(err)
		}
		profile, err := file.Profile("default", nil)
		if err != nil {
			t.Fatal(err)
		}
		err = file.Fleet().Check(own, []*Profile{profile})
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
	if err := (*Fleet)(nil).Check(&Agent{}, nil); err != nil {
		t.Error(err)
	}
}
