package device

import (
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

func TestParseManagementKey(t *testing.T) {
	for text, want := range map[string]config.PINSource{
		"": {}, "protected": {}, "prompt": {Kind: config.PINPrompt},
		"env:KEY": {Kind: config.PINEnv, Arg: "KEY"}, "file:/run/key": {Kind: config.PINFile, Arg: "/run/key"},
	} {
		if got, err := ParseManagementKey(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"010203040506070801020304", "none", "pinentry", "command:cat x", "env:", "protected:x", "file"} {
		if got, err := ParseManagementKey(text); err == nil || strings.Contains(err.Error(), "0102") {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

func TestHexKey(t *testing.T) {
	want := "\x01\x02\xab\xcd"
	for _, text := range []string{"0102abcd", "0102ABCD", "01:02:ab:cd", "01 02 ab cd", " 0102-abcd\n", "0x0102abcd", "01:02:\n\tab:cd"} {
		if key, ok := parseHexKey([]byte(text)); !ok || string(key) != want {
			t.Errorf("%q: %x, %v", text, key, ok)
		}
	}
	for _, text := range []string{"", ":", "0102abc", "01,02", "management", "0x"} {
		if key, ok := parseHexKey([]byte(text)); ok || key != nil {
			t.Errorf("%q: %x", text, key)
		}
	}
}
