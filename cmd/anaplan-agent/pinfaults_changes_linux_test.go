//go:build cgo

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// What else may be unusual at a site where a PIN is refused.

// touch gives the file of the PIN another time, again and again.
func touch(s *site) {
	s.disturb = func() {
		now := time.Now()
		s.check(os.Chtimes(s.path("pin"), now, now))
	}
}

// layAnew has each start of the program find its credential in a new directory.
func layAnew(s *site) {
	starts := 0
	s.onStart = func() {
		os.RemoveAll(s.env["CREDENTIALS_DIRECTORY"])
		starts++
		s.giveCredential(fmt.Sprintf("credentials-%d", starts))
	}
}

// noHome has no place for what must be remembered.
func noHome(s *site) { delete(s.env, "HOME") }

// fullDisk has the home on a disk without room for one byte more: a small one that a process
// has mounted for itself, and which others see by that.
func fullDisk(s *site) {
	s.t.Helper()
	keeper := exec.Command("sh", "-c", `mount -t tmpfs -o size=64k tmpfs "$0" && { head -c 1m /dev/zero >"$0/full"; echo full; cat; }`, s.path("home"))
	keeper.SysProcAttr = ownMounts()
	input, err := keeper.StdinPipe()
	s.check(err)
	output, err := keeper.StdoutPipe()
	s.check(err)
	if err := keeper.Start(); err != nil {
		hsmtest.Missing(s.t, "root", "the right to make a mount namespace")
	}
	s.t.Cleanup(func() {
		input.Close()
		keeper.Wait()
	})
	if said, _ := bufio.NewReader(output).ReadString('\n'); strings.TrimSpace(said) != "full" {
		hsmtest.Missing(s.t, "root", "the right to mount a tmpfs")
	}
	s.env["HOME"] = fmt.Sprintf("/proc/%d/root%s", keeper.Process.Pid, s.path("home"))
	if err := os.WriteFile(filepath.Join(s.env["HOME"], "more"), []byte("more"), 0o600); err == nil {
		s.t.Fatal("the test is wrong: there is room on the disk")
	}
}
