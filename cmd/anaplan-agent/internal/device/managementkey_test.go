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
