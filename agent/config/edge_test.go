package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEdge(t *testing.T) {
	const members = "key = ['agent:https://a:1', 'agent:https://b:2?client=night']\n"
	tests := []struct{ name, text, want string }{ // want: the members, or the error
		{"two", members, "agent:https://a:1 agent:https://b:2?client=night"},
		{"one, with what an edge decides", "key = 'agent:https://a:1'\nallow = 'user:etl'\npolicy = 'list'\nidle = '1h'\ntimeout = '9s'", "agent:https://a:1"},
		{"none", "key = 'piv:serial=1;slot=9c'\npin = 'none'", ""},
		{"both kinds", "key = ['agent:https://a:1', 'piv:serial=1;slot=9c']", "key: keys of this machine and those of other agents do not mix: name one kind"},
		{"twice", "key = ['agent:https://a:1', 'agent:https://A:1?client=night']", "c.toml:2:1: key: the member a:1 is there twice; name each once"},
		{"no address", "key = 'agent:https://a'", "key: the port is missing: write it as agent:https://HOST:8471"},
		{"pin", members + "pin = 'prompt'", "pin: it does not stand beside a key that another agent has"},
		{"region", members + "region = 'eu1'", "region: it does not stand beside"},
		{"token file", members + "token_file = '" + filepath.ToSlash(filepath.Join(os.TempDir(), "token")) + "'", "token_file: it does not stand beside"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file, err := Parse("c.toml", []byte("[profile.default]\n"+test.text))
			if err != nil {
				if test.want == "" || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want %s", err, test.want)
				}
				return
			}
			profile, err := file.Profile("default", nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, member := range profile.Members() {
				got = append(got, member.String())
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if _, err := mustParse(t, "[profile.default]\n"+members).Profile("default", over("ca_file", "/x")); err == nil || !strings.HasPrefix(err.Error(), "--ca-file: ") {
		t.Errorf("got %v", err)
	}
}
