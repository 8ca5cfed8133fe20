package modules

// What p11-kit has registered (pkcs11.conf(5)).

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// registration is one of p11-kit's *.module files.
type registration struct {
	name string // of the file, without .module: p11-kit's name for the module
	file string

	module string // the library, as it stands there; "": none
	remote string // what runs the module instead; "": nothing
	path   string // where the library is; "": not there
}

// registrations returns all of them, in the order of looking. enable-in and disable-in are not
// heeded: they say which programs load a module unasked, and here it is asked for.
func (d moduleDirs) registrations() []registration {
	var all []registration
	for _, dir := range d.registries {
		files, err := filepath.Glob(filepath.Join(dir, "*.module"))
		if err != nil { // a pattern in the directory's own name
			continue
		}
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil {
				all = append(all, d.readRegistration(file, string(text)))
			}
		}
	}
	return all
}

// readRegistration reads the text of one.
func (d moduleDirs) readRegistration(file, text string) registration {
	r := registration{name: strings.TrimSuffix(filepath.Base(file), ".module"), file: file}
	r.module, r.remote = fieldOf(text, "module"), fieldOf(text, "remote")
	switch {
	case filepath.IsAbs(r.module):
		r.path = existing(r.module)
	case r.module != "":
		for _, dir := range d.relative {
			r.path = cmp.Or(r.path, existing(filepath.Join(dir, r.module)))
		}
	}
	return r
}

// fieldOf returns the value of a field, without the quotes that people put around paths, though
// p11-kit knows none.
func fieldOf(text, field string) string {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(key) != field {
			continue
		}
		value = strings.TrimSpace(value)
		for _, quote := range []string{`"`, `'`} {
			if inner, ok := strings.CutPrefix(value, quote); ok && strings.HasSuffix(inner, quote) {
				return strings.TrimSuffix(inner, quote)
			}
		}
		return value
	}
	return ""
}

// isCalled reports whether the module goes by that name: by p11-kit's, or by its library's.
func (r registration) isCalled(name string) bool {
	return r.name == name || r.module != "" && moduleName(r.module) == moduleName(name)
}

// registered returns the modules whose libraries exist, under the names of p11-kit.
func (d moduleDirs) registered() []Module {
	var modules []Module
	for _, r := range d.registrations() {
		if r.path != "" {
			modules = append(modules, Module{Name: r.name, Path: r.path})
		}
	}
	return modules
}

// inVain returns why a registration of that name leads nowhere; "" if there is none.
func (d moduleDirs) inVain(name string) string {
	for _, r := range d.registrations() {
		switch {
		case !r.isCalled(name) || r.path != "":
		case r.module != "":
			return fmt.Sprintf("%s names %s, which is not there: install it, or correct the file", r.file, r.module)
		case r.remote != "":
			return fmt.Sprintf("%s has it run by another program (remote: %s), which p11-kit-proxy does: module-name=p11-kit-proxy, with token= in the address", r.file, r.remote)
		default:
			return fmt.Sprintf("%s names no library: it wants a line \"module: FILE\"", r.file)
		}
	}
	return ""
}
