package device

import (
	"strings"
	"testing"
)

// Each system has its own way to start its smartcard service.
func TestServiceHints(t *testing.T) {
	for system, want := range map[string]string{"linux": "systemctl start pcscd.socket", "windows": "sc.exe start SCardSvr", "darwin": "macOS"} {
		if got := strings.Join(serviceHints(system), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: got %q", system, got)
		}
	}
	if got := busyHints("windows"); strings.Contains(strings.Join(got, ""), "lsof") {
		t.Errorf("got %q", got)
	}
}
