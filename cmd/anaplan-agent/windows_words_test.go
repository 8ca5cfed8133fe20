package main

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
)

// noWordsOfWindows are commands that Windows has not.
var noWordsOfWindows = regexp.MustCompile(`\b(chmod|chown|systemctl|sudo|resolvectl|pcscd|journalctl|lsof|umask|timedatectl|setsid|usermod|apt|ss -ltnp)\b|\bunset ["A-Z]`)

// noHintsOfWindows are sources and services that Windows has not.
var noHintsOfWindows = regexp.MustCompile(`\b(launchd|credential:NAME|keychain:SERVICE|StateDirectory|XDG_\w+)\b`)

// TestHintsOfWindows: what is to be done about an error can be done on Windows.
func TestHintsOfWindows(t *testing.T) {
	count := 0
	for _, row := range explanationsOn("windows") {
		if row.With != nil && row.Is != nil {
			row.With(row.Is, &row)
		}
		for _, hint := range row.Hints {
			count++
			if word := noWordsOfWindows.FindString(hint.String()); word != "" {
				t.Errorf("%v: %q is a hint on Windows: %s", row.Is, word, hint)
			}
			if word := noHintsOfWindows.FindString(hint.String()); word != "" {
				t.Errorf("%v: %q is a hint on Windows: %s", row.Is, word, hint)
			}
		}
	}
	if count < 60 {
		t.Errorf("only %d hints are looked at", count)
	}
	if len(explanationsOn("windows")) != len(explanations()) {
		t.Error("there are other rows on Windows")
	}
}

// TestHintsOfHere: the program takes those of the system that it runs on.
func TestHintsOfHere(t *testing.T) {
	here, said := explanations(), explanationsOn(remedy.Here())
	for i := range here {
		if len(here[i].Hints) > 0 && here[i].Hints[0] != said[i].Hints[0] {
			t.Errorf("%v: %v", here[i].Is, here[i].Hints)
		}
	}
}

// TestWordsOfWindows: commands that Windows has not stand in package remedy, which knows the system,
// and where a text is of one system anyway.
func TestWordsOfWindows(t *testing.T) {
	ofOneSystem := map[string]string{
		"agent/remedy/remedy.go":                           "",
		"cmd/anaplan-agent/internal/agentclient/rows.go":   "the column of docs/errors.md, which is of all systems",
		"cmd/anaplan-agent/internal/device/rows.go":        "the column of docs/errors.md, which is of all systems",
		"cmd/anaplan-agent/internal/doctor/card.go":        "looked at on Linux only",
		"cmd/anaplan-agent/internal/doctor/pin.go":         "a credential of systemd's",
		"cmd/anaplan-agent/internal/doctor/unit.go":        "looked at on Linux only",
		"cmd/anaplan-agent/internal/doctor/asservice.go":   "looked at on Linux only",
		"cmd/anaplan-agent/internal/service/install.go":    "services of systemd and launchd",
		"cmd/anaplan-agent/cmd_service.go":                 "services of systemd and launchd",
		"cmd/anaplan-agent/cmd_as_service.go":              "services of systemd",
		"cmd/anaplan-agent/internal/asservice/rows.go":     "services of systemd",
		"cmd/anaplan-agent/internal/asservice/words.go":    "services of systemd",
		"cmd/anaplan-agent/internal/asservice/settings.go": "services of systemd",
		"cmd/anaplan-agent/cmd_login.go":                   "the help of stop, which is of all systems",
		"cmd/anaplan-agent/cmd_audit.go":                   "the help of audit, which is of all systems",
		"cmd/anaplan-agent/cmd_token.go":                   "the help of token, which is of all systems",
	}
	used := map[string]bool{}
	for path, texts := range textsOnWindows(t) {
		for _, text := range texts {
			word := noWordsOfWindows.FindString(text)
			if word == "" {
				continue
			}
			used[path] = true
			if _, allowed := ofOneSystem[path]; !allowed {
				t.Errorf("%s says %q on Windows: put it into package remedy: %s", path, word, text)
			}
		}
	}
	for path := range ofOneSystem {
		if !used[path] {
			t.Errorf("%s has no such word any more", path)
		}
	}
}

// textsOnWindows returns the texts in all files of a build for Windows.
func textsOnWindows(t *testing.T) map[string][]string {
	t.Helper()
	windows := build.Default
	windows.GOOS, windows.CgoEnabled = "windows", false
	root, texts := filepath.Join("..", ".."), map[string][]string{}
	for _, part := range []string{"agent", "hsm", "piv", filepath.Join("cmd", "anaplan-agent")} {
		err := filepath.WalkDir(filepath.Join(root, part), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			if matches, err := windows.MatchFile(filepath.Dir(path), filepath.Base(path)); err != nil || !matches {
				return err
			}
			name, err := filepath.Rel(root, path)
			texts[filepath.ToSlash(name)] = textsIn(t, path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

// textsIn returns the texts of a file, without those that it imports.
func textsIn(t *testing.T, path string) (texts []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			texts = append(texts, literal.Value)
		}
		_, isImport := node.(*ast.ImportSpec)
		return !isImport
	})
	return texts
}
