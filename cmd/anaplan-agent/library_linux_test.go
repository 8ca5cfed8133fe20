//go:build cgo

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// TestWithoutPCSC runs the program where libpcsclite is not installed, as on most
// servers: it starts, and says what is missing when a card is asked for.
func TestWithoutPCSC(t *testing.T) {
	libraries, _ := filepath.Glob("/usr/lib/*/libpcsclite.so.1")
	if len(libraries) == 0 {
		pivtest.Missing(t, "pcsc", "libpcsclite.so.1 is missing, which this test hides")
	}
	// A mount namespace of its own, in which an empty file hides the library. It is
	// named by its link's target, since a mount follows links.
	library, err := filepath.EvalSymlinks(libraries[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"version"}, 0, ""},
		{[]string{"keys", "--key", "piv:"}, 3, "libpcsclite.so.1"},
		{[]string{"keys", "--key", "piv:"}, 3, "hint: if it is not installed: sudo apt install pcscd"},
	} {
		var r result
		cmd := r.newCommand(t, nil, test.args)
		cmd.Args = append([]string{"sh", "-c", `mount --bind /dev/null "$0" && exec "$@"`, library, cmd.Path}, test.args...)
		if cmd.Path, err = exec.LookPath("sh"); err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = ownMounts()
		cmd.Run()
		r.code = cmd.ProcessState.ExitCode()
		if got := r.stderr.String(); r.code != test.code || !strings.Contains(got, test.want) {
			t.Errorf("%v: exit code %d, want %d; stderr lacks %q: %s", test.args, r.code, test.code, test.want, got)
		}
	}
}

// ownMounts makes a mount namespace, for which an ordinary user needs a user namespace.
// Unshareflags, unlike Cloneflags, keeps its mounts from the machine.
func ownMounts() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Setsid: true}
	if os.Getuid() != 0 {
		attributes.Cloneflags |= syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attributes
}
