//go:build unix

package paths

import "testing"

func TestStateDir(t *testing.T) {
	tests := []struct{ service, xdg, home, want string }{
		{"/var/lib/a:/var/lib/b", "/x", "/h", "/var/lib/a"},
		{"", "/x", "/h", "/x/anaplan-agent"},
		{"relative", "relative", "/h", "/h/.local/state/anaplan-agent"},
		{"", "", "", ""},
	}
	for _, test := range tests {
		t.Setenv("STATE_DIRECTORY", test.service)
		t.Setenv("XDG_STATE_HOME", test.xdg)
		t.Setenv("HOME", test.home)
		if got := State(); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}
