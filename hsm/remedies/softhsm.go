//go:build cgo

package remedies

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// SoftHSM keeps each object in a file of its own. It leaves those out, without a word, that this user may
// not read, and says "general error" where it cannot write.

// Foreign says whose the files of a SoftHSM token are that this user may not read or, to write, may not
// add to, and what to do; "" if there are none. serial is that of the token; "": of all.
func Foreign(module, serial string, write bool) string {
	if !isCalled(module, "softhsm") {
		return ""
	}
	for _, dir := range softTokens(serial) {
		if path, person, user := foreignIn(dir, write); path != "" {
			verb := "read"
			if write {
				verb = "write"
			}
			return fmt.Sprintf("%s belongs to %s, and this user may not %s it: run the same as that user (%s), or have token and keys made by this one",
				path, person, verb, shell.Join("sudo", "-u", user, "--", "COMMAND"))
		}
	}
	return ""
}

// foreignIn returns the first file of a token's directory, or that itself, which is another user's and out of reach.
func foreignIn(dir string, write bool) (path, person, user string) {
	paths := []string{dir}
	if write {
		paths = append(paths, filepath.Join(dir, "token.lock"), filepath.Join(dir, "generation"))
	} else if objects, err := filepath.Glob(filepath.Join(dir, "*.object")); err == nil {
		paths = append(paths, objects...)
	}
	for _, path := range paths {
		if isWithinReach(path, write && path != dir) {
			continue
		}
		if person, user := owned.Other(path); person != "" {
			return path, person, user
		}
	}
	return "", "", ""
}

// isWithinReach tries to open a file.
func isWithinReach(path string, write bool) bool {
	how := os.O_RDONLY
	if write {
		how = os.O_WRONLY
	}
	file, err := os.OpenFile(path, how, 0)
	if err != nil {
		return !os.IsPermission(err)
	}
	file.Close()
	return true
}

// softTokens returns the directories of a token: the serial number is the end of the UUID in their names.
func softTokens(serial string) (dirs []string) {
	all, _ := filepath.Glob(filepath.Join(softTokenDir(), "*-*-*-*-*"))
	for _, dir := range all {
		if strings.HasSuffix(strings.ReplaceAll(filepath.Base(dir), "-", ""), serial) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// softTokenDir is where SoftHSM keeps its tokens, by its configuration.
func softTokenDir() string {
	dir := "/var/lib/softhsm/tokens"
	own := filepath.Join(os.Getenv("HOME"), ".config/softhsm2/softhsm2.conf")
	if !isThere(own) {
		own = "/etc/softhsm/softhsm2.conf"
	}
	file, err := os.Open(cmp.Or(os.Getenv("SOFTHSM2_CONF"), own))
	if err != nil {
		return dir
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, value, found := strings.Cut(lines.Text(), "=")
		if found && strings.TrimSpace(name) == "directories.tokendir" {
			dir = strings.TrimSpace(value)
		}
	}
	return dir
}
