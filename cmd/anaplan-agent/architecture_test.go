package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/anaplan-agent/anaplan-agent/"
	rooms  = "cmd/anaplan-agent/internal/"
)

// TestArchitecture: each package says what it is for and has a row in docs/architecture.md; of
// this module's packages it imports those of its row, and no others.
func TestArchitecture(t *testing.T) {
	allowed := architecture(t)
	imported, docs := importsOf(t)
	for name, imports := range imported {
		if docs[name] == "" {
			t.Errorf("package %s does not say what it is for", name)
		}
		row, found := allowed[name]
		if !found {
			t.Errorf("docs/architecture.md has no row for %s", name)
			continue
		}
		for other := range imports {
			if !row[other] {
				t.Errorf("%s imports %s, which docs/architecture.md does not allow", name, other)
			}
		}
		for other := range row {
			if !imports[other] {
				t.Errorf("docs/architecture.md lets %s import %s, and it does not", name, other)
			}
		}
	}
	for name := range allowed {
		if imported[name] == nil {
			t.Errorf("docs/architecture.md has a row for %s, which is not a package", name)
		}
	}
}

// architecture returns what each package may import of this module, as the tables in
// docs/architecture.md say: | `package` | for | imports |, the rooms of the program by their
// last name.
func architecture(t *testing.T) map[string]map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	full := func(name string) string {
		if _, err := os.Stat("internal/" + name); err == nil {
			return rooms + name
		}
		return name
	}
	allowed := map[string]map[string]bool{}
	quoted := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			continue
		}
		for _, name := range quoted.FindAllStringSubmatch(cells[1], -1) {
			row := map[string]bool{}
			for _, other := range quoted.FindAllStringSubmatch(cells[3], -1) {
				row[full(other[1])] = true
			}
			allowed[full(name[1])] = row
		}
	}
	return allowed
}

// importsOf returns what each package imports of this module on any system, and its doc.
func importsOf(t *testing.T) (imports map[string]map[string]bool, docs map[string]string) {
	t.Helper()
	imports, docs = map[string]map[string]bool{}, map[string]string{}
	for _, system := range [][]string{nil, {"CGO_ENABLED=0"}, {"GOOS=darwin", "CGO_ENABLED=0"}, {"GOOS=windows", "CGO_ENABLED=0"}} {
		list := exec.Command("go", "list", "-e", "-f", "{{.ImportPath}}\t{{.Doc}}\t{{join .Imports \" \"}}", "../../...")
		list.Env = append(os.Environ(), system...)
		list.Stderr = os.Stderr
		output, err := list.Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(output)) {
			cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			name := strings.TrimPrefix(cells[0], module)
			if imports[name] == nil {
				imports[name] = map[string]bool{}
			}
			docs[name] += cells[1]
			ours := slices.DeleteFunc(strings.Fields(cells[2]), func(path string) bool { return !strings.HasPrefix(path, module) })
			for _, path := range ours {
				imports[name][strings.TrimPrefix(path, module)] = true
			}
		}
	}
	return imports, docs
}

// TestWindowsHasNoUnixPaths: on Windows \etc is C:\etc, which any user may make. The code that is
// built there names no such path, but for what it only prints or looks at on other systems.
func TestWindowsHasNoUnixPaths(t *testing.T) {
	allowed := []string{"hsm", "hsm/modules", "hsm/remedies", "hsm/hsmtest", "piv/pivtest", rooms + "service", rooms + "asservice"}
	also := map[string]string{rooms + "doctor": `"/etc/os-release" "/run/pcscd/pcscd.comm"`} // on Linux only
	literal := regexp.MustCompile(`"/(proc|run|etc|usr|var|dev|tmp)[/"][^"]*"?`)
	for path, name := range filesOfWindows(t) {
		if slices.Contains(allowed, name) {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for code := range strings.Lines(string(text)) {
			if found := literal.FindString(code); found != "" && !strings.HasPrefix(strings.TrimSpace(code), "//") && !strings.Contains(also[name], found) {
				t.Errorf("%s has %s", path, found)
			}
		}
	}
}

// filesOfWindows returns the package of each file that is built for Windows, with cgo or without.
func filesOfWindows(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, cgo := range []string{"CGO_ENABLED=0", "CGO_ENABLED=1"} {
		const form = `{{range .GoFiles}}{{$.Dir}}/{{.}} {{$.ImportPath}}{{"\n"}}{{end}}{{range .CgoFiles}}{{$.Dir}}/{{.}} {{$.ImportPath}}{{"\n"}}{{end}}`
		list := exec.Command("go", "list", "-f", form, "../../...")
		list.Env = append(os.Environ(), "GOOS=windows", cgo)
		output, err := list.Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(output)) {
			if path, name, found := strings.Cut(strings.TrimSpace(line), " "); found {
				files[path] = strings.TrimPrefix(name, module)
			}
		}
	}
	return files
}

// TestWindowsStartsWithoutCards: github.com/ebfe/scard loads a winscard.dll when a program starts,
// and panics where there is none.
func TestWindowsStartsWithoutCards(t *testing.T) {
	list := exec.Command("go", "list", "-deps", ".")
	list.Env = append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0")
	output, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(strings.Fields(string(output)), "github.com/ebfe/scard") {
		t.Error("it is in the program")
	}
}
