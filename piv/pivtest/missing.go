package pivtest

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// requireVariable lists the lanes that must run, with commas; of this package pcsc,
// yubico and opensc. What CI installs it requires, so that a package that is gone one
// day is not taken for a test that passed.
const requireVariable = "ANAPLAN_AGENT_REQUIRE"

// Missing skips the test because a part of a lane is not there, or fails it where
// the lane is required.
func Missing(t testing.TB, lane, part string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv(requireVariable), ","), lane) {
		t.Fatalf("%s, and %s requires %s", part, requireVariable, lane)
	}
	t.Skip(part)
}

// Tool returns the path of a program, such as yubico-piv-tool of the lane yubico.
func Tool(t testing.TB, lane, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, lane, name+" is missing")
	}
	return path
}

// OpenSC returns the path of OpenSC's PKCS#11 module, which makes a token of the
// card: with Stack.Env it is one more module to try PKCS#11 programs with.
func OpenSC(t testing.TB) string {
	t.Helper()
	return library(t, "opensc", "opensc-pkcs11.so")
}

// YKCS11 returns the path of Yubico's PKCS#11 module.
func YKCS11(t testing.TB) string {
	t.Helper()
	return library(t, "yubico", "libykcs11.so")
}

// libraryDirectories are where distributions keep PKCS#11 modules.
var libraryDirectories = []string{
	"/usr/lib/x86_64-linux-gnu/",
	"/usr/lib/aarch64-linux-gnu/",
	"/usr/lib64/",
	"/usr/lib64/pkcs11/",
	"/usr/lib/",
	"/usr/lib/pkcs11/",
}

// library returns the path of a library.
func library(t testing.TB, lane, name string) string {
	t.Helper()
	for _, directory := range libraryDirectories {
		if _, err := os.Stat(directory + name); err == nil {
			return directory + name
		}
	}
	Missing(t, lane, name+" is missing")
	return ""
}
