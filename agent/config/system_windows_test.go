package config

import (
	"strings"
	"testing"
)

// TestSocketIsAPipe: a path that no pipe has is refused when the configuration is read.
func TestSocketIsAPipe(t *testing.T) {
	for _, text := range []string{"none", `\\.\pipe\agent`, `\\.\PIPE\agent`} {
		if got, err := socketPath(text); err != nil || got != text {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{`C:\run\agent.sock`, `\\other\pipe\agent`, `\\.\pipe\`, `agent.sock`} {
		if _, err := socketPath(text); err == nil || !strings.Contains(err.Error(), "none is for no agent") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := socketPath(`C:\run\agent.sock`); err == nil || !strings.Contains(err.Error(), `'\\.\pipe\NAME'`) {
		t.Errorf("got %v", err)
	}
}

// TestModesDoNotHold: what Windows cannot keep is not taken in silence.
func TestModesDoNotHold(t *testing.T) {
	over := func(name, text string) map[string]Value {
		return map[string]Value{keySetting: {"piv:", "a test"}, tokenFileSetting: {`C:\token`, "a test"}, name: {text, name}}
	}
	for _, test := range []struct{ name, text string }{
		{tokenFileModeSetting, "0640"}, {tokenFileOwnerSetting, "root"}, {tokenFileOwnerSetting, `DOMAIN\name`}, {tokenFileOwnerSetting, ":users"},
	} {
		_, err := (*File)(nil).Profile(DefaultProfile, over(test.name, test.text))
		if err == nil || !strings.Contains(err.Error(), test.name) || !strings.Contains(err.Error(), "share_socket") {
			t.Errorf("%s = %s: %v", test.name, test.text, err)
		}
	}
	if p, err := (*File)(nil).Profile(DefaultProfile, over(tokenFileModeSetting, "0600")); err != nil || p.TokenFileMode != 0o600 {
		t.Errorf("the default: %v", err)
	}
}
