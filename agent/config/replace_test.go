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

func TestReplaceCertificate(t *testing.T) {
	for name, test := range map[string]struct{ before, path, after string }{
		"another":        {"[profile.default]\ncertificate = 'a.pem' # why\nkey = \"piv:\"\n", "b.pem", "[profile.default]\ncertificate = \"b.pem\" # why\nkey = \"piv:\"\n"},
		"a new one":      {"# mine\n[profile.default]\r\n  key = \"piv:\" # why\r\n", "b.pem", "# mine\n[profile.default]\r\n  certificate = \"b.pem\"\r\n  key = \"piv:\" # why\r\n"},
		"before a list":  {"[profile.default]\nkey = [\n \"piv:\",\n]", "b.pem", "[profile.default]\ncertificate = \"b.pem\"\nkey = [\n \"piv:\",\n]"},
		"at the end":     {"[profile.default]\nkey = \"piv:\"", "b.pem", "[profile.default]\ncertificate = \"b.pem\"\nkey = \"piv:\""},
		"dotted":         {"profile.default.key = \"piv:\"\n", "b.pem", "profile.default.certificate = \"b.pem\"\nprofile.default.key = \"piv:\"\n"},
		"none":           {"[profile.default]\ncertificate = 'a.pem'\nkey = \"piv:\"\n", "", "[profile.default]\nkey = \"piv:\"\n"},
		"none any more":  {"[profile.default]\nkey = \"piv:\"\ncertificate = 'a.pem'", "", "[profile.default]\nkey = \"piv:\"\n"},
		"none as before": {"[profile.default]\nkey = \"piv:\"\n", "", "[profile.default]\nkey = \"piv:\"\n"},
	} {
		got, err := config.ReplaceCertificate("c.toml", []byte(test.before), "default", test.path)
		if err != nil || string(got) != test.after {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	for name, test := range map[string]struct{ before, path, says string }{
		"an inline table":         {"profile = {default = {key = \"piv:\"}}\n", "b.pem", "by hand: certificate = \"b.pem\""},
		"another profile":         {"[profile.other]\nkey = \"piv:\"\n", "b.pem", "by hand: certificate = \"b.pem\""},
		"one in an inline table":  {"profile = {default = {key = \"piv:\", certificate = \"a.pem\"}}\n", "", "take it out by hand"},
		"a table in half a table": {"[profile]\ndefault = {key = \"piv:\", certificate = \"a.pem\"}\n", "", "take it out by hand"},
	} {
		if _, err := config.ReplaceCertificate("c.toml", []byte(test.before), "default", test.path); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
