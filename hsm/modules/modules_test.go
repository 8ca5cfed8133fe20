package modules

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// machine is a directory tree that stands in for a machine's.
type machine struct {
	t    *testing.T
	root string
}

func newMachine(t *testing.T) machine { return machine{t, t.TempDir()} }

func (m machine) path(name string) string { return filepath.Join(m.root, filepath.FromSlash(name)) }

// write makes a file and the directories above it.
func (m machine) write(name, content string) string {
	m.t.Helper()
	path := m.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		m.t.Fatal(err)
	}
	return path
}

func (m machine) link(name, target string) string {
	m.t.Helper()
	path := m.path(name)
	if err := os.Symlink(target, path); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// dirs looks in the machine's user and system registries and libraries.
func (m machine) dirs() moduleDirs {
	return moduleDirs{
		suffix:     ".so",
		registries: []string{m.path("user"), m.path("system")},
		relative:   []string{m.path("lib/pkcs11")},
		libraries:  []string{m.path("lib/pkcs11"), m.path("lib")},
	}
}

func parseAddress(t *testing.T, text string) uri.URI {
	t.Helper()
	u, err := uri.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestFindModuleByName(t *testing.T) {
	m := newMachine(t)
	softhsm := m.write("opt/libsofthsm2.so", "")
	tpm := m.write("lib/pkcs11/libtpm2_pkcs11.so", "")
	opensc := m.write("lib/opensc-pkcs11.so", "")
	odd := m.write("lib/odd.so.2.1", "")
	m.write("lib/libsofthsm2.so", "not the registered one")
	m.write("system/soft.module", "# comment: module: x\n\nmodule:  "+softhsm+" \n")
	m.write("system/tpm2.module", "critical: no\nmodule: libtpm2_pkcs11.so\n")
	m.write("system/gone.module", "module: "+m.path("lib/libgone.so"))
	m.write("system/remote.module", "remote: |ssh host\n")
	m.write("system/readme.txt", "module: "+opensc)
	m.write("system/quoted.module", "module: \""+opensc+"\"\n")
	m.write("system/single.module", "module = '"+opensc+"'\nmodule: '"+opensc+"'\n")

	tests := []struct{ name, want string }{
		{"soft", softhsm},
		{"softhsm2", softhsm},
		{"libsofthsm2.so", softhsm},
		{"tpm2", tpm},
		{"tpm2_pkcs11", tpm},
		{"libtpm2_pkcs11.so.1", tpm},
		{"opensc-pkcs11", opensc},
		{"opensc-pkcs11.so", opensc},
		{"odd.so.2.1", odd},
		{"quoted", opensc},
		{"single", opensc},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := m.dirs().find(uri.URI{}.With("module-name", test.name))
			if got != test.want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
	for _, name := range []string{"gone", "remote", "readme", "pkcs11"} {
		t.Run(name, func(t *testing.T) {
			if got, err := m.dirs().find(uri.URI{}.With("module-name", name)); !errors.Is(err, ErrModule) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// A registration that leads nowhere is named, with what it lacks.
func TestFindModuleRegisteredInVain(t *testing.T) {
	m := newMachine(t)
	gone := m.path("lib/libvendor-p11.so")
	for name, text := range map[string]string{
		"gone": "module: " + gone, "relative": "module: libvendor.so", "remote": "remote: |ssh host p11-kit remote x\n", "empty": "critical: yes",
	} {
		m.write("system/"+name+".module", text)
	}
	for name, want := range map[string]string{
		"gone":         "gone.module names " + gone + ", which is not there",
		"vendor-p11":   "gone.module names " + gone + ", which is not there",
		"libvendor.so": "relative.module names libvendor.so, which is not there",
		"remote":       "remote.module has it run by another program (remote: |ssh host p11-kit remote x), which p11-kit-proxy does: module-name=p11-kit-proxy",
		"empty":        "empty.module names no library",
	} {
		_, err := m.dirs().find(uri.URI{}.With("module-name", name))
		if !errors.Is(err, ErrModule) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

func TestFindModulePrefersTheUsersRegistry(t *testing.T) {
	m := newMachine(t)
	m.write("system/a.module", "module: "+m.write("lib/one.so", ""))
	want := m.write("lib/two.so", "")
	m.write("user/a.module", "module: "+want)
	if got, err := m.dirs().find(parseAddress(t, "pkcs11:?module-name=a")); got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestFindModuleByPath(t *testing.T) {
	m := newMachine(t)
	file := m.write("lib/libm.so", "")
	tests := []struct{ name, path, module, want string }{
		{"file", file, "", file},
		{"file, whatever the name", file, "other", file},
		{"directory and name", m.path("lib"), "m", file},
		{"directory and file name", m.path("lib"), "libm.so", file},
		{"left to the loader", "libm.so", "", "libm.so"},
		{"missing, left to the loader", m.path("lib/x.so"), "", m.path("lib/x.so")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u := uri.URI{}.With("module-path", test.path)
			if test.module != "" {
				u = u.With("module-name", test.module)
			}
			if got, err := m.dirs().find(u); got != test.want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestFindModuleErrors(t *testing.T) {
	m := newMachine(t)
	m.write("lib/libsofthsm2.so", "")
	m.write("lib/ykcs11.so", "")
	const usable = "; module-name can be softhsm2, ykcs11"
	tests := []struct {
		name    string
		address uri.URI
		want    string
	}{
		{
			"no module", parseAddress(t, "pkcs11:token=a;object=b?pin-source=/p"),
			"the address names none; add module-name=NAME or module-path=FILE to it" +
				"\n  pkcs11:token=a;object=b?pin-source=/p&module-name=softhsm2" +
				"\n  pkcs11:token=a;object=b?pin-source=/p&module-name=ykcs11",
		},
		{
			"unknown name", parseAddress(t, "pkcs11:?module-name=yk"),
			`there is no module "yk" in ` + m.path("lib") + usable,
		},
		{
			"path for a name", parseAddress(t, "pkcs11:?module-name=/lib/a.so"),
			`module-name "/lib/a.so" is not a name, such as softhsm2; a file goes into module-path`,
		},
		{
			"empty name", parseAddress(t, "pkcs11:?module-name="),
			`module-name "" is not a name, such as softhsm2; a file goes into module-path`,
		},
		{"empty path", parseAddress(t, "pkcs11:?module-path="), `module-path "" is not the path of a file`},
		{"zero in the path", parseAddress(t, "pkcs11:?module-path=a.so%00b"), `module-path "a.so\x00b" is not the path of a file`},
		{
			"directory", uri.URI{}.With("module-path", m.path("lib")),
			"module-path " + m.path("lib") + " is a directory; add module-name to the address, or the file's name to the path",
		},
		{
			"directory without it", uri.URI{}.With("module-path", m.path("lib")).With("module-name", "x"),
			"there is no x or x.so or libx.so in " + m.path("lib"),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path, err := m.dirs().find(test.address)
			want := "PKCS#11 module cannot be used: " + test.want
			if path != "" || !errors.Is(err, ErrModule) || err.Error() != want {
				t.Errorf("got  %q, %v\nwant %s", path, err, want)
			}
		})
	}
}

func TestFindModuleOnAnEmptyMachine(t *testing.T) {
	for _, text := range []string{"pkcs11:token=a", "pkcs11:?module-name=x"} {
		_, err := newMachine(t).dirs().find(parseAddress(t, text))
		if !errors.Is(err, ErrModule) || !strings.Contains(err.Error(), "no module is installed in the usual places") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestKnown(t *testing.T) {
	m := newMachine(t)
	own := m.write("opt/libown.so", "")
	softhsm := m.write("lib/libsofthsm2.so", "")
	m.link("opt/softhsm-too.so", softhsm)
	client := m.write("lib/pkcs11/p11-kit-client.so", "")
	for _, name := range []string{"lib/pkcs11/p11-kit-trust.so", "lib/p11-kit-proxy.so", "lib/libother.so", "lib2/libown.so"} {
		m.write(name, "")
	}
	m.write("system/p11-kit-trust.module", "module: p11-kit-trust.so")
	m.write("system/mine.module", "module: "+own)
	m.write("system/second.module", "module: "+m.path("lib2/libown.so"))
	m.write("system/z.module", "module: "+m.path("opt/softhsm-too.so"))
	m.write("system/empty.module", "")

	want := []Module{
		{"own", own},
		{"p11-kit-client", client},
		{"softhsm-too", m.path("opt/softhsm-too.so")},
	}
	got := m.dirs().known()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("modules (-want +got):\n%s", diff)
	}
	for _, module := range got {
		if path, err := m.dirs().byName(module.Name); path != module.Path || err != nil {
			t.Errorf("%s: found %q, %v", module.Name, path, err)
		}
	}
}

func TestModuleName(t *testing.T) {
	tests := []struct{ path, want string }{
		{"/usr/lib/libsofthsm2.so", "softhsm2"},
		{"libtpm2_pkcs11.so.1.9.0", "tpm2_pkcs11"},
		{"opensc-pkcs11.so", "opensc-pkcs11"},
		{"/opt/lib/libykcs11.dylib", "ykcs11"},
		{"softhsm2-x64.dll", "softhsm2-x64"},
		{"libfoo.solid", "foo.solid"},
		{"plain", "plain"},
	}
	for _, test := range tests {
		if got := moduleName(test.path); got != test.want {
			t.Errorf("%s: got %q, want %q", test.path, got, test.want)
		}
	}
}

func TestFileNames(t *testing.T) {
	tests := []struct {
		suffix, name string
		want         []string
	}{
		{".so", "m", []string{"m", "m.so", "libm.so"}},
		{".so", "m.so", []string{"m.so", "libm.so"}},
		{".dylib", "m", []string{"m", "m.dylib", "libm.dylib", "m.so", "libm.so"}},
		{".dll", "libm", []string{"libm", "m.dll", "libm.dll", "m-x64.dll", "m-64.dll"}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, moduleDirs{suffix: test.suffix}.fileNames(test.name)); diff != "" {
			t.Errorf("%s, %s (-want +got):\n%s", test.suffix, test.name, diff)
		}
	}
}

func TestModuleDirsOfSystems(t *testing.T) {
	env := map[string]string{"HOME": "/home/me", "ProgramFiles": `D:\Programs`, "SystemRoot": `D:\Windows`}
	tests := []struct {
		name, goos, goarch, xdg string
		registry, library       string // the first ones
	}{
		{"Debian", "linux", "arm64", "", "/home/me/.config/pkcs11/modules", "/usr/lib/aarch64-linux-gnu/pkcs11"},
		{"XDG", "linux", "amd64", "/cfg", "/cfg/pkcs11/modules", "/usr/lib/x86_64-linux-gnu/pkcs11"},
		{"unknown processor", "linux", "mips", "", "/home/me/.config/pkcs11/modules", "/usr/lib64/pkcs11"},
		{"relative XDG is none", "linux", "amd64", "cfg", "/etc/pkcs11/modules", "/usr/lib/x86_64-linux-gnu/pkcs11"},
		{"macOS", "darwin", "arm64", "", "/home/me/.config/pkcs11/modules", "/opt/homebrew/lib/pkcs11"},
		{"Windows", "windows", "amd64", "", "", `D:\Windows\System32`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env["XDG_CONFIG_HOME"] = test.xdg
			dirs := newModuleDirs(test.goos, test.goarch, func(name string) string { return env[name] })
			if got := strings.Join(dirs.registries[:min(1, len(dirs.registries))], ""); got != test.registry {
				t.Errorf("registry: got %q, want %q", got, test.registry)
			}
			if got := dirs.libraries[0]; got != test.library {
				t.Errorf("library: got %q, want %q", got, test.library)
			}
		})
	}
}

// TestNamesOnWindows: a vendor's file for 64 bits is found by the module's name.
func TestNamesOnWindows(t *testing.T) {
	dirs := newModuleDirs("windows", "amd64", func(string) string { return "" })
	for _, want := range []string{"softhsm2.dll", "libsofthsm2.dll", "softhsm2-x64.dll", "softhsm2-64.dll"} {
		if got := dirs.fileNames("softhsm2"); !slices.Contains(got, want) {
			t.Errorf("%s is not looked for: %q", want, got)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"softhsm2-x64.dll", "cryptoki.dll"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dirs.libraries = []string{dir}
	for _, module := range dirs.known() {
		if got, err := dirs.byName(module.Name); err != nil || got != module.Path {
			t.Errorf("%s: got %q, %v", module.Name, got, err)
		}
	}
	if known := dirs.known(); len(known) != 2 || known[1].Name != "softhsm2" {
		t.Errorf("got %v", known)
	}
}

// What the exported functions say of the machine that runs the test must agree.
func TestKnownModulesOfThisMachine(t *testing.T) {
	for _, module := range Known() {
		path, err := Find(uri.URI{}.With("module-name", module.Name))
		if path != module.Path || err != nil {
			t.Errorf("%s %s: got %q, %v", runtime.GOOS, module.Name, path, err)
		}
	}
}

func FuzzFieldOf(f *testing.F) {
	f.Add([]byte("module: a.so\n"))
	f.Add([]byte("# module: a\n\nmodule:\nmodule: b"))
	f.Add([]byte(":\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if got := fieldOf(string(text), "module"); strings.Contains(got, "\n") {
			t.Errorf("got %q", got)
		}
	})
}
