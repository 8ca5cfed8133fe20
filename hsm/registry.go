package hsm

// What p11-kit has registered (pkcs11.conf(5)).

import (
	"os"
	"path/filepath"
	"strings"
)

// registered returns the modules whose files p11-kit has registered and that exist, under the
// names of p11-kit. enable-in and disable-in are not heeded: they say which programs load a module
// unasked, and here it is asked for.
func (d moduleDirs) registered() []Module {
	var modules []Module
	for _, dir := range d.registries {
		files, err := filepath.Glob(filepath.Join(dir, "*.module"))
		if err != nil { // a pattern in the directory's own name
			continue
		}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".module")
			if path := d.registeredPath(file); path != "" {
				modules = append(modules, Module{Name: name, Path: path})
			}
		}
	}
	return modules
}

// registeredPath returns the library that one of p11-kit's files names, "" if it
// names none (a remote module) or one that is not there (its package is gone, the
// file stayed).
func (d moduleDirs) registeredPath(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	path := moduleLine(string(text))
	if filepath.IsAbs(path) {
		return existing(path)
	}
	if path == "" {
		return ""
	}
	for _, dir := range d.relative {
		if found := existing(filepath.Join(dir, path)); found != "" {
			return found
		}
	}
	return ""
}

// moduleLine returns the value of "module:" in one of p11-kit's files
// (pkcs11.conf(5)).
func moduleLine(text string) string {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(key) == "module" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
