// Package modules finds PKCS#11 libraries on this machine: those that p11-kit has registered, and
// those in the directories where their makers put them. It loads none.
//
//	path, err := modules.Find(address) // by module-path or module-name
//
// Package hsm loads what it finds; commands list what there is.
package modules

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// ErrModule: the module is not there, is not a PKCS#11 library, or does not initialise.
var ErrModule = errors.New("PKCS#11 module cannot be used")

// Module is a PKCS#11 library on this machine.
type Module struct {
	Name string // for an address: module-name=Name
	Path string
}

// Find returns the file of the library that the address's module-path or module-name
// means (RFC 7512 section 2.3). A name is looked up among the modules that
// p11-kit has registered, then in the directories where such libraries lie; it
// may be p11-kit's (tpm2), the library's (tpm2_pkcs11), or the whole file name.
// Errors wrap ErrModule.
func Find(u uri.URI) (path string, err error) {
	return newModuleDirs(runtime.GOOS, runtime.GOARCH, os.Getenv).find(u)
}

// Known returns the modules that are registered with p11-kit, or that are
// well known and installed where Find looks, by name. p11-kit's proxy and
// trust modules are not listed: the one loads every other module, the other
// holds no keys.
func Known() []Module {
	return newModuleDirs(runtime.GOOS, runtime.GOARCH, os.Getenv).known()
}

// wellKnown are names under which vendors ship their modules.
var wellKnown = []string{
	"Cryptoki2_64",    // Thales Luna
	"cryptoki",        // Thales Luna on Windows
	"cknfast",         // Entrust nShield
	"cloudhsm_pkcs11", // AWS CloudHSM
	"cs_pkcs11_R3",    // Utimaco
	"eToken",          // Thales SafeNet eToken on macOS
	"eTPkcs11",        // Thales SafeNet eToken
	"kmsp11",          // Google Cloud KMS
	"kryoptic_pkcs11",
	"nethsm_pkcs11", // Nitrokey NetHSM
	"opencryptoki",
	"opensc-pkcs11",
	"p11-kit-client",
	"pkcs11-proxy",
	"softhsm2",
	"tpm2_pkcs11",
	"wolfpkcs11",
	"ykcs11", // YubiKey
	"yubihsm_pkcs11",
}

// neverKnown are p11-kit's own modules, which cannot be used for a login.
var neverKnown = []string{"p11-kit-proxy", "p11-kit-trust"}

// multiarch maps a GOARCH to the name of its library directory on Debian.
var multiarch = map[string]string{
	"386":     "i386-linux-gnu",
	"amd64":   "x86_64-linux-gnu",
	"arm":     "arm-linux-gnueabihf",
	"arm64":   "aarch64-linux-gnu",
	"ppc64le": "powerpc64le-linux-gnu",
	"riscv64": "riscv64-linux-gnu",
	"s390x":   "s390x-linux-gnu",
}

// moduleDirs says where modules are looked for on one machine. Each list is in
// the order of looking.
type moduleDirs struct {
	registries []string // p11-kit's *.module files
	relative   []string // what a relative path in such a file is relative to
	libraries  []string
	suffix     string // of a library's file name
}

// newModuleDirs returns the usual directories of an operating system. It opens
// none of them, and takes the environment as a function, so that each system's
// list can be checked on any other.
func newModuleDirs(goos, goarch string, getenv func(string) string) moduleDirs {
	switch goos {
	case "windows":
		return windowsModuleDirs(getenv)
	case "darwin":
		return unixModuleDirs(getenv, ".dylib", "/opt/homebrew/lib", "/usr/local/lib", "/Library/OpenSC/lib",
			"/Library/Frameworks/eToken.framework/Versions/Current", "/usr/safenet/lunaclient/lib")
	}
	roots := []string{"/usr/lib64", "/usr/lib", "/usr/local/lib64", "/usr/local/lib"}
	if triplet := multiarch[goarch]; triplet != "" {
		roots = slices.Insert(roots, 0, "/usr/lib/"+triplet)
	}
	dirs := unixModuleDirs(getenv, ".so", roots...)
	dirs.libraries = append(dirs.libraries, "/usr/safenet/lunaclient/lib", "/opt/nfast/toolkits/pkcs11", "/opt/cloudhsm/lib")
	return dirs
}

// unixModuleDirs returns the directories below the library roots. The user's
// registry goes before the system's, as it does for p11-kit (pkcs11.conf(5)).
func unixModuleDirs(getenv func(string) string, suffix string, roots ...string) moduleDirs {
	dirs := moduleDirs{suffix: suffix}
	if config := cmp.Or(getenv("XDG_CONFIG_HOME"), filepath.Join(getenv("HOME"), ".config")); filepath.IsAbs(config) {
		dirs.registries = append(dirs.registries, filepath.Join(config, "pkcs11/modules"))
	}
	for _, prefix := range []string{"/etc/pkcs11", "/usr/share/p11-kit", "/usr/local/etc/pkcs11", "/usr/local/share/p11-kit",
		"/opt/homebrew/etc/pkcs11", "/opt/homebrew/share/p11-kit"} {
		dirs.registries = append(dirs.registries, filepath.Join(prefix, "modules"))
	}
	for _, root := range roots {
		dirs.relative = append(dirs.relative, filepath.Join(root, "pkcs11"))
		for _, folder := range []string{"pkcs11", "softhsm", "opencryptoki", ""} {
			dirs.libraries = append(dirs.libraries, filepath.Join(root, folder))
		}
	}
	return dirs
}

// windowsModuleDirs returns where installers put modules; there is no p11-kit.
func windowsModuleDirs(getenv func(string) string) moduleDirs {
	programs := cmp.Or(getenv("ProgramFiles"), `C:\Program Files`)
	dirs := moduleDirs{suffix: ".dll", libraries: []string{
		cmp.Or(getenv("SystemRoot"), `C:\Windows`) + `\System32`,
		`C:\SoftHSM2\lib`,
	}}
	for _, folder := range []string{
		`SoftHSM2\lib`,
		`OpenSC Project\OpenSC\pkcs11`,
		`Yubico\Yubico PIV Tool\bin`,
		`Yubico\YubiHSM Shell\bin`,
		`Yubico\YubiHSM Shell\bin\pkcs11`,
		`SafeNet\LunaClient`,
		`nCipher\nfast\bin`,
		`nCipher\nfast\toolkits\pkcs11`,
		`Amazon\CloudHSM\lib`,
		`Utimaco\SecurityServer\Lib`,
		`Utimaco\CryptoServer\Lib`,
	} {
		dirs.libraries = append(dirs.libraries, programs+`\`+folder)
	}
	return dirs
}

// find is Find. A module-path goes before a module-name, which then only
// says which file to take if the path is a directory.
func (d moduleDirs) find(u uri.URI) (string, error) {
	name, hasName := u.Get("module-name")
	if path, ok := u.Get("module-path"); ok {
		return d.atPath(path, name)
	}
	if !hasName {
		return "", d.noneNamed(u)
	}
	return d.byName(name)
}

// atPath returns the module-path, or the module of that name in it if it is a
// directory. Whether there is such a file is left to the loader, which looks in
// places of its own and says best what is wrong.
func (d moduleDirs) atPath(path, name string) (string, error) {
	// To C, a path ends at its first zero, and an empty one is this program itself.
	if path == "" || strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("%w: module-path %q is not the path of a file", ErrModule, path)
	}
	switch found := d.inDirs([]string{path}, name); {
	case !isDir(path):
		return path, nil
	case name == "":
		return "", fmt.Errorf("%w: module-path %s is a directory; add module-name to the address, or the file's name to the path", ErrModule, path)
	case found != "":
		return found, nil
	}
	return "", fmt.Errorf("%w: there is no %s in %s", ErrModule, strings.Join(d.fileNames(name), " or "), path)
}

// byName looks a module-name up. What p11-kit has registered goes first: an
// administrator chose it, while a directory holds whatever is installed.
func (d moduleDirs) byName(name string) (string, error) {
	if name == "" || strings.ContainsAny(name, `/\`) {
		return "", fmt.Errorf("%w: module-name %q is not a name, such as softhsm2; a file goes into module-path", ErrModule, name)
	}
	for _, r := range d.registered() {
		// By either name: p11-kit calls tpm2 what its file calls tpm2_pkcs11.
		if wanted := moduleName(name); r.Name == name || moduleName(r.Path) == wanted {
			return r.Path, nil
		}
	}
	if found := d.inDirs(d.libraries, name); found != "" {
		return found, nil
	}
	if why := d.inVain(name); why != "" {
		return "", fmt.Errorf("%w: %s", ErrModule, why)
	}
	looked := slices.DeleteFunc(slices.Concat(d.registries, d.libraries), func(dir string) bool { return !isDir(dir) })
	return "", fmt.Errorf("%w: there is no module %q in %s; %s", ErrModule, name, strings.Join(looked, ", "), d.usable())
}

// noneNamed returns the error for an address without a module. It lists the
// address once with each module, ready to copy, rather than trying modules one
// after the other: loading one runs its code.
func (d moduleDirs) noneNamed(u uri.URI) error {
	problem := "the address names none; add module-name=NAME or module-path=FILE to it"
	known := d.known()
	if len(known) == 0 {
		return fmt.Errorf("%w: %s; %s", ErrModule, problem, d.usable())
	}
	for _, m := range known {
		problem += "\n  " + u.With("module-name", m.Name).String()
	}
	return fmt.Errorf("%w: %s", ErrModule, problem)
}

// usable names the modules that would work, for the end of an error.
func (d moduleDirs) usable() string {
	var names []string
	for _, m := range d.known() {
		names = append(names, m.Name)
	}
	if len(names) == 0 {
		return "no module is installed in the usual places: install your device's PKCS#11 library and give its file as module-path"
	}
	return "module-name can be " + strings.Join(names, ", ")
}

// known is Known. Every name that it returns leads byName to the path
// beside it.
func (d moduleDirs) known() []Module {
	candidates := d.registered()
	for i, m := range candidates {
		candidates[i].Name = moduleName(m.Path)
	}
	for _, name := range wellKnown {
		if path := d.inDirs(d.libraries, name); path != "" {
			candidates = append(candidates, Module{Name: name, Path: path})
		}
	}
	var modules []Module
	seen := map[string]bool{}
	for _, m := range candidates {
		// Distributions link one library under several names and directories.
		file := resolve(m.Path)
		if seen[file] || seen[m.Name] || slices.Contains(neverKnown, m.Name) {
			continue
		}
		seen[file], seen[m.Name] = true, true
		modules = append(modules, m)
	}
	slices.SortFunc(modules, func(a, b Module) int { return cmp.Compare(a.Name, b.Name) })
	return modules
}

// inDirs returns the first library of that name in the directories, "" if there
// is none.
func (d moduleDirs) inDirs(dirs []string, name string) string {
	for _, dir := range dirs {
		for _, file := range d.fileNames(name) {
			if path := existing(filepath.Join(dir, file)); path != "" {
				return path
			}
		}
	}
	return ""
}

// fileNames returns the names that the file of a module may have.
func (d moduleDirs) fileNames(name string) []string {
	bare := moduleName(name)
	names := []string{name, bare + d.suffix, "lib" + bare + d.suffix}
	if d.suffix == ".dylib" {
		// Some builds keep the Unix suffix for what dlopen loads.
		names = append(names, bare+".so", "lib"+bare+".so")
	}
	if d.suffix == ".dll" {
		names = append(names, bare+"-x64.dll", bare+"-64.dll") // beside one of 32 bits, or in place of it
	}
	return slices.Compact(names)
}

// moduleName returns the name of a library without directory, "lib" and suffix
// (RFC 7512 section 2.3). Version numbers behind the suffix go too.
func moduleName(path string) string {
	name := strings.TrimPrefix(filepath.Base(path), "lib")
	for _, suffix := range []string{".so", ".dylib", ".dll"} {
		// Only a version: libfoo.some.so is the library foo.some, and not foo.
		if bare, version, ok := strings.Cut(name, suffix); ok && strings.Trim(version, ".0123456789") == "" {
			return bare
		}
	}
	return name
}

// existing returns the path if it is a file, or a link to one; else "".
func existing(path string) string {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return path
}

// isDir reports whether the path is a directory, so that errors list only places
// that exist.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func resolve(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}
