package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// nobody is a user without rights.
const nobody = 65534

// TestUndumpable: of a process that leaves no core dump, and that its own user cannot trace,
// the kernel shows the files in /proc as root's (proc(5)).
func TestUndumpable(t *testing.T) {
	if os.Getuid() != 0 {
		hsmtest.Missing(t, "root", "root, who can start the program as another user")
	}
	cmd := exec.Command(copyOfProgram(t), "token", "--payload", "-", "--certificate", "-")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	cmd.Env, cmd.Dir = []string{"HOME=/"}, "/"
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer stdin.Close() // it reads, and ends
	file := fmt.Sprintf("/proc/%d/environ", cmd.Process.Pid)
	owner := uint32(nobody)
	for deadline := time.Now().Add(2 * time.Minute); owner != 0 && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		owner = info.Sys().(*syscall.Stat_t).Uid
	}
	if owner != 0 {
		t.Errorf("%s belongs to the program's own user, who can read its memory", file)
	}
}

// copyOfProgram returns a copy that every user can run.
func copyOfProgram(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "program") // t.TempDir is in a directory that only its owner may enter
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	path := filepath.Join(dir, build.Program)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err == nil {
		_, err = io.Copy(file, self)
		file.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
