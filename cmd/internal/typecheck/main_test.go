package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckAll: what C declares is taken as it is, and what Go declares twice on one system, or uses
// where it is not declared, is found, in tests as well.
func TestCheckAll(t *testing.T) {
	if testing.Short() {
		t.Skip("it reads the standard library")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":          "module example.com/m\n\ngo 1.26\n",
		"a.go":            "package m\n\n// #include <nowhere.h>\nimport \"C\"\n\nvar A = C.a(onDarwin())\n",
		"a_darwin.go":     "package m\n\nimport \"C\"\n\nfunc onDarwin() C.int { return 0 }\n",
		"b_linux_cgo.go":  "//go:build cgo\n\npackage m\n\nfunc b() {}\n",
		"b_other.go":      "//go:build !linux\n\npackage m\n\nfunc b() {}\n",
		"c_test.go":       "package m_test\n\nvar _ = onLinux()\n",
		"c_linux_test.go": "package m_test\n\nfunc onLinux() int { return 0 }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("GOFLAGS", "")
	err := checkAll("darwin")
	if err == nil {
		t.Fatal("nothing is found")
	}
	for _, want := range []string{"b redeclared", "undefined: onLinux"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "C.") || strings.Contains(err.Error(), "onDarwin") {
		t.Errorf("got %v", err)
	}
}
