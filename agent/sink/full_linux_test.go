package sink_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// childVariable tells the test binary that it is a child of one of the tests below, which
// may set limits for itself; its value is the path of the file to write.
const childVariable = "SINK_TEST_CHILD"

// childOf returns the running test as a process of its own, which it may harm.
func childOf(t *testing.T, path string) *exec.Cmd {
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), childVariable+"="+path)
	return child
}

func limitFiles(t *testing.T, size uint64) {
	t.Helper()
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: 1 << 30}); err != nil {
		t.Fatal(err)
	}
}

// TestDiskFull has writing fail by a limit on the size of files, which needs no rights.
func TestDiskFull(t *testing.T) {
	if path := os.Getenv(childVariable); path != "" {
		fillDisk(t, path)
		return
	}
	output, err := childOf(t, newFile(t).Path).CombinedOutput()
	if err != nil || !bytes.Contains(output, []byte("--- PASS: TestDiskFull")) {
		t.Errorf("%v\n%s", err, output)
	}
}

func fillDisk(t *testing.T, path string) {
	signal.Ignore(syscall.SIGXFSZ)
	file := at(path)
	write(t, file, "first")
	for _, size := range []uint64{0, 1, 10, 20} {
		limitFiles(t, size)
		err := file.Write(tokenOf(strings.Repeat("hunter2", 3)))
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "LimitFSIZE") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("room for %d bytes: %v", size, err)
		}
		if got := content(t, path); got != "first\n" {
			t.Errorf("the file holds %q", got)
		}
		wantNames(t, file, "token")
	}
	limitFiles(t, 1<<20)
	write(t, file, "second")
	if err := file.Remove(); err != nil {
		t.Error(err)
	}
}

// TestKilled kills writers while they write: the file is whole, and what is left beside
// it is for its own user only, or whole too.
func TestKilled(t *testing.T) {
	const value = "hunter2"
	if path := os.Getenv(childVariable); path != "" {
		file := at(path)
		file.Mode = 0o644
		for {
			write(t, file, value)
			fmt.Println("written")
		}
	}
	file := newFile(t)
	for range 20 {
		killWriter(t, file.Path)
	}
	if got := content(t, file.Path); got != value+"\n" {
		t.Errorf("the file holds %q", got)
	}
	for _, name := range names(t, file) {
		path := filepath.Join(filepath.Dir(file.Path), name)
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o600 && content(t, path) != value+"\n" {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
}

// killWriter starts a writer and kills it once it has written.
func killWriter(t *testing.T, path string) {
	t.Helper()
	child := childOf(t, path)
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if lines.Text() == "written" {
			return
		}
	}
	t.Error("it wrote nothing")
}

// TestMountPoint: a container may have the file itself as a volume, which nothing can replace
// or remove.
func TestMountPoint(t *testing.T) {
	if path := os.Getenv(childVariable); path != "" {
		file := at(path)
		file.Mode = 0o640
		for _, value := range []string{"longer than the next", "second"} {
			write(t, file, value)
			if got := content(t, path+".volume"); got != value+"\n" {
				t.Errorf("the volume holds %q", got)
			}
		}
		if info, err := os.Stat(path + ".volume"); err != nil || info.Mode() != 0o640 {
			t.Errorf("%v, %v", info, err)
		}
		if err := file.Remove(); err != nil {
			t.Error(err)
		}
		if got := content(t, path+".volume"); got != "" {
			t.Errorf("the volume still holds %q", got)
		}
		return
	}
	path := newFile(t).Path
	for _, name := range []string{path, path + ".volume"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// unshare's mounts are nobody else's.
	child := exec.Command("unshare", "--mount", "sh", "-c", `mount --bind "$1.volume" "$1" && exec "$2" "-test.run=^$3$" -test.v`, "sh", path, os.Args[0], t.Name())
	child.Env = append(os.Environ(), childVariable+"="+path)
	output, err := child.CombinedOutput()
	if err != nil && bytes.Contains(output, []byte("unshare failed")) {
		t.Skip("the right to mount is missing")
	}
	if err != nil || !bytes.Contains(output, []byte("--- PASS: TestMountPoint")) {
		t.Errorf("%v\n%s", err, output)
	}
}
