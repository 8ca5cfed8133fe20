package config_test

import (
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

func TestReplaceKey(t *testing.T) {
	const first, second, next = "pkcs11:token=a;object=x", "piv:serial=5;slot=9c", `pkcs11:token=a;object=x%22-2`
	for name, test := range map[string]struct{ before, after string }{
		"a text": {
			"# mine\n[profile.default]\n  key =  \"" + first + "\"  # why\npin = \"env:X\"\n",
			"# mine\n[profile.default]\n  key =  \"" + next + "\"  # why\npin = \"env:X\"\n",
		},
		"a literal": {"[profile.default]\r\nkey = '" + first + "'\r\n", "[profile.default]\r\nkey = \"" + next + "\"\r\n"},
		"a list": {
			"[profile.default]\nkey = [\n  \"" + second + "\", # one\n  '" + first + "', # two\n]\n",
			"[profile.default]\nkey = [\n  \"" + second + "\", # one\n  \"" + next + "\", # two\n]\n",
		},
		"another profile has it too": {
			"[profile.other]\nkey = \"" + first + "\"\n[profile.default]\nkey = \"" + first + "\"\n",
			"[profile.other]\nkey = \"" + first + "\"\n[profile.default]\nkey = \"" + next + "\"\n",
		},
		"a dotted key":      {"profile.default.key = \"" + first + "\"\n", "profile.default.key = \"" + next + "\"\n"},
		"written otherwise": {"[profile.default]\nkey = \"pkcs11:object=x;token=a\"\n", "[profile.default]\nkey = \"" + next + "\"\n"},
	} {
		got, err := config.ReplaceKey("c.toml", []byte(test.before), "default", first, next)
		if err != nil || string(got) != test.after {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	for name, before := range map[string]string{
		"no such key":      "[profile.default]\nkey = \"" + second + "\"\n",
		"no such profile":  "[profile.other]\nkey = \"" + first + "\"\n",
		"an inline table":  "profile = {default = {key = \"" + first + "\"}}\n",
		"an empty file":    "",
		"no TOML, in part": "[profile.default]\nkey = ",
	} {
		if _, err := config.ReplaceKey("c.toml", []byte(before), "default", first, next); err == nil || !strings.Contains(err.Error(), "by hand: \""+next+"\"") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
