package remedy

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// foreign are words that mean nothing on Windows.
var foreign = regexp.MustCompile(`\b(chmod|chown|systemctl|systemd|launchd|sudo|resolvectl|pcscd|journalctl|lsof|umask|timedatectl|setsid|ulimit|apt|eval|/dev/null|brew|ss|credential|keychain|unset)\b`)

// TestWindows: whatever is said on Windows can be typed there.
func TestWindows(t *testing.T) {
	said := said(t, windows)
	for name, text := range said {
		if word := foreign.FindString(text); word != "" {
			t.Errorf("%s says %q on Windows: %s", name, word, text)
		}
	}
	if len(said) < 15 {
		t.Errorf("only %d are looked at", len(said))
	}
}

// TestMac: what only Linux has is not said on macOS.
func TestMac(t *testing.T) {
	for name, text := range said(t, darwin) {
		if word := regexp.MustCompile(`\b(systemctl|resolvectl|pcscd|journalctl|timedatectl|setsid|apt|MemoryMax|systemd|credential|ss)\b`).FindString(text); word != "" {
			t.Errorf("%s says %q on macOS: %s", name, word, text)
		}
	}
}

// said returns all that is said on a system, by the method that says it.
func said(t *testing.T, on System) map[string]string {
	t.Helper()
	texts := map[string]string{}
	value := reflect.ValueOf(on)
	for method := range value.Type().Methods() {
		var arguments []reflect.Value
		for range method.Type.NumIn() - 1 {
			arguments = append(arguments, reflect.ValueOf(`C:\a b\c`))
		}
		texts[method.Name] = fmt.Sprint(value.MethodByName(method.Name).Call(arguments)[0])
	}
	return texts
}

// TestStartSmartcards: each system has its own way to start its smartcard service.
func TestStartSmartcards(t *testing.T) {
	for system, want := range map[System]string{"linux": "systemctl start pcscd.socket", "windows": "sc.exe start SCardSvr", "darwin": "macOS"} {
		if got := strings.Join(system.StartSmartcards(), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: got %q", system, got)
		}
	}
	if linux.FindCardHolder() == "" || windows.FindCardHolder() != "" {
		t.Error("who uses cards is to be found on Linux only")
	}
}

func TestQuoted(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{linux.KeepPrivate("a'b"), `chmod 600 'a'\''b'`},
		{windows.KeepPrivate(`C:\a b`), `icacls "C:\a b" /inheritance:r /grant:r "*S-1-3-4:F"`},
		{windows.WithoutTerminal(`C:\a b.exe`), `cmd /c '"C:\a b.exe" ... <NUL'`}, // PowerShell has no <
		{windows.SetToken("anaplan-agent token --output"), "anaplan-agent token --output powershell | Invoke-Expression"},
		{linux.SetToken("anaplan-agent token --output"), `eval "$(anaplan-agent token --output env)"`},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}
