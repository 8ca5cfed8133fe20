package service

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// unitDir writes the units of a service into a directory of their own.
func unitDir(t *testing.T, flags Flags) (dir string, paths []string) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	dir = t.TempDir()
	s, _ := newTestService(t, "linux", flags)
	for _, file := range s.Files {
		path := filepath.Join(dir, file.Name())
		if err := os.WriteFile(path, []byte(file.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(path) != ".conf" {
			paths = append(paths, path)
		}
	}
	return dir, paths
}

// TestUnitsVerify has systemd read the units, with a program whose path needs care.
func TestUnitsVerify(t *testing.T) {
	analyze := hsmtest.Tool(t, "systemd", "systemd-analyze")
	odd := filepath.Join(t.TempDir(), "my tools 100%n")
	if err := os.Symlink("/bin", odd); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		scope, program string
		system         bool
	}{
		{"--system", "/bin/true", true},
		{"--system", odd + "/true", true},
		{"--user", "/bin/true", false},
		{"--user", odd + "/true", false},
	} {
		_, paths := unitDir(t, Flags{System: test.system, Program: test.program})
		output, err := exec.Command(analyze, append([]string{test.scope, "--man=no", "verify"}, paths...)...).CombinedOutput()
		if err != nil || len(output) > 0 {
			t.Errorf("%s %s: %v\n%s", test.scope, test.program, err, output)
		}
	}
}

// TestUnitExposure holds how much systemd itself thinks the services could do, from 0 to 100, and
// that docs/security.md says of each thing why.
func TestUnitExposure(t *testing.T) {
	analyze := hsmtest.Tool(t, "systemd", "systemd-analyze")
	docs, err := os.ReadFile("../../../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		scope, most string
		system      bool
	}{
		{"--system", "14", true},
		{"--user", "63", false},
	} {
		dir, _ := unitDir(t, Flags{System: test.system, Program: "/bin/true"})
		output, err := exec.Command(analyze, test.scope, "security", "--no-pager", "--offline=true", "--threshold="+test.most,
			filepath.Join(dir, "anaplan-agent.service")).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", test.scope, err, output)
		}
		for line := range strings.Lines(string(output)) {
			name, isOpen := strings.CutPrefix(line, "✗ ")
			if name, _, _ = strings.Cut(name, " "); isOpen && !isExplained(string(docs), name, test.system) {
				t.Errorf("%s: docs/security.md does not say why %s is open", test.scope, name)
			}
		}
	}
}

// isExplained reports whether the table of docs/security.md has a line about what systemd-analyze calls name,
// for that unit.
func isExplained(docs, name string, system bool) bool {
	if name, _, _ := strings.Cut(name, "=~CAP_"); name == "CapabilityBoundingSet" {
		return isExplained(docs, name+"=", system)
	}
	for line := range strings.Lines(docs) {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, "¦"), "|")
		if len(cells) < 4 || !strings.Contains(cells[1], "`"+strings.ReplaceAll(name, "|", "¦")+"`") {
			continue
		}
		if system {
			return strings.TrimSpace(cells[2]) != ""
		}
		return strings.TrimSpace(cells[3]) != ""
	}
	return false
}
