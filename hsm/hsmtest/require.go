package hsmtest

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// requireVariable lists the lanes that must run, with commas: softhsm, opensc,
// cc, p11kit, tpm2, opencryptoki, nss, systemd; of other
// packages pcsc, yubico, pinentry, root, files, clients, postgres. What CI installs it requires, so that a
// package that is gone one day is not taken for a test that passed.
const requireVariable = "ANAPLAN_AGENT_REQUIRE"

// Missing skips the test because a part of a lane is not there, or fails it where
// the lane is required.
func Missing(t testing.TB, lane, part string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv(requireVariable), ","), lane) {
		t.Fatalf("%s is missing, and %s requires %s", part, requireVariable, lane)
	}
	t.Skipf("%s is missing", part)
}

// Library returns the first of the paths that is there.
func Library(t testing.TB, lane string, paths ...string) string {
	t.Helper()
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	Missing(t, lane, paths[0])
	return ""
}

// Tool returns the path of a program.
func Tool(t testing.TB, lane, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		// Daemons lie there, and the PATH of an ordinary user does not have it.
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		Missing(t, lane, name)
	}
	return path
}

// SoftHSM returns the path of SoftHSM's module.
func SoftHSM(t testing.TB) string {
	t.Helper()
	return Library(t, "softhsm",
		"/usr/lib/softhsm/libsofthsm2.so",
		"/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
		"/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
		"/usr/lib64/pkcs11/libsofthsm2.so",
		"/usr/lib64/softhsm/libsofthsm2.so",
		"/usr/local/lib/softhsm/libsofthsm2.so",
		"/opt/homebrew/lib/softhsm/libsofthsm2.so",
	)
}

// Spy returns the path of OpenSC's pkcs11-spy.so, which logs every call to the
// module behind it.
func Spy(t testing.TB) string {
	t.Helper()
	return Library(t, "opensc",
		"/usr/lib/x86_64-linux-gnu/pkcs11-spy.so",
		"/usr/lib/x86_64-linux-gnu/pkcs11/pkcs11-spy.so",
		"/usr/lib/aarch64-linux-gnu/pkcs11-spy.so",
		"/usr/lib64/pkcs11/pkcs11-spy.so",
		"/usr/lib64/pkcs11-spy.so",
	)
}
