package paths

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPlaces: every place that is looked in without being named is in a folder of Windows' own,
// whatever variables of Unix or of the machine's say.
func TestPlaces(t *testing.T) {
	for _, name := range []string{"ProgramData", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "HOME"} {
		t.Setenv(name, `C:\planted`)
	}
	const local, roaming = `C:\users\me\Local`, `C:\users\me\Roaming`
	t.Setenv("LocalAppData", local)
	t.Setenv("AppData", roaming)
	machine := strings.TrimSuffix(systemConfig(), configName)
	if !strings.HasSuffix(machine, `\ProgramData\anaplan-agent\`) || strings.Contains(machine, "planted") {
		t.Errorf("the machine's folder is %q", machine)
	}
	for _, test := range []struct{ got, want []string }{
		{DefaultConfigs(), []string{roaming + `\anaplan-agent\config.toml`, machine + "config.toml"}},
		{UsualSockets(), []string{`\\.\pipe\anaplan-agent-` + self(), `\\.\pipe\anaplan-agent`}},
		{KeyDirectories(), []string{local + `\anaplan-agent\cache`}},
		{[]string{State()}, []string{local + `\anaplan-agent\state`}},
	} {
		if !slices.Equal(test.got, test.want) {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
		for _, path := range test.got {
			if filepath.VolumeName(path) == "" {
				t.Errorf("%s is on no volume", path)
			}
		}
	}
}

func TestPlacesOfNobody(t *testing.T) {
	for _, folder := range []string{"", `\relative`} {
		t.Setenv("LocalAppData", folder)
		if State() != "" || len(KeyDirectories()) != 0 || len(UsualSockets()) != 2 {
			t.Errorf("%q: state %q, keys %q, sockets %q", folder, State(), KeyDirectories(), UsualSockets())
		}
	}
}

// TestServicesListenForAll: a service's pipe is the machine's.
func TestServicesListenForAll(t *testing.T) {
	for sid, want := range map[string]bool{
		"S-1-5-18": true, "S-1-5-19": true, "S-1-5-20": true, "S-1-5-80-1-2-3-4-5": true,
		"S-1-5-21-1-2-3-1001": false, "S-1-5-32-544": false, "S-1-5-800": false, "": false,
	} {
		if isService(sid) != want {
			t.Errorf("%q: %v", sid, !want)
		}
	}
}
