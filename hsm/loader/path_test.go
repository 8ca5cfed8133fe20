package loader

import (
	"runtime"
	"testing"
)

// TestIsPath: only a bare name is left to the loader; anything else is looked at before it is
// loaded, however it is written.
func TestIsPath(t *testing.T) {
	windows := runtime.GOOS == "windows"
	for name, want := range map[string]bool{
		"libsofthsm2.so": false, "./x.so": true, "/usr/lib/x.so": true, "a/x.so": true,
		`C:\x.dll`: windows, "C:/x.dll": true, "C:x.dll": windows, `a\x.dll`: windows, "x.dll": false,
	} {
		if IsPath(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
