//go:build cgo

package hsm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/loader"
)

// modulesHere copies a module, and a library that it needs, to a directory of that name: module.dll
// and helper.dll, which .ci/wine makes.
func modulesHere(t *testing.T, name string) string {
	t.Helper()
	made := os.Getenv("ANAPLAN_AGENT_TEST_MODULES")
	if made == "" {
		t.Skip("ANAPLAN_AGENT_TEST_MODULES names no directory with module.dll and helper.dll")
	}
	above, err := os.MkdirTemp("", "modules")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(above, name)
	if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestLoadInWords: what is wrong is said so that somebody can put it right. It is the first test
// that loads the module: miekg/pkcs11 never unloads one on Windows, and a bare name finds it then.
func TestLoadInWords(t *testing.T) {
	dir := modulesHere(t, "incomplete")
	if _, err := load(filepath.Join(dir, "helper.dll")); err != loader.ErrNotModule {
		t.Errorf("a library that is not a module: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "helper.dll")); err != nil {
		t.Fatal(err)
	}
	if _, err := load(filepath.Join(dir, "module.dll")); err == nil || !strings.Contains(err.Error(), "beside it") {
		t.Errorf("without its library: %v", err)
	}
	t.Chdir(dir)
	if _, err := load("module.dll"); err == nil {
		t.Error("a module in the working directory was loaded by its bare name")
	}
}

// TestLoad: a module finds its own library beside itself, whatever its directory is called and
// however that is written.
func TestLoad(t *testing.T) {
	for _, name := range []string{"plain", "with blank", "Größe", "鍵"} {
		dir := modulesHere(t, name)
		for _, path := range []string{filepath.Join(dir, "module.dll"), filepath.ToSlash(filepath.Join(dir, "module.dll"))} {
			module, err := load(path)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			module.Destroy()
		}
	}
}
