//go:build unix

package sink_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSymbolicLinkStays: the file is where the link leads to, and so is the directory that must
// not be everybody's.
func TestSymbolicLinkStays(t *testing.T) {
	file := newFile(t)
	directory := t.TempDir()
	target := filepath.Join(directory, "target")
	if err := os.Symlink(target, file.Path); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		write(t, file, "value")
		if got := content(t, target); got != "value\n" {
			t.Errorf("the target holds %q", got)
		}
	}
	if err := file.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(target); err == nil {
		t.Error("the token is still there")
	}
	wantNames(t, file, "token") // the link
	os.Chmod(directory, 0o777)
	if err := file.Write(tokenOf("value")); err == nil || !strings.Contains(err.Error(), "everybody may replace files in "+directory) {
		t.Errorf("got %v", err)
	}
}

func TestDirectoryOfEverybody(t *testing.T) {
	file := newFile(t)
	directory := filepath.Dir(file.Path)
	os.Chmod(directory, 0o777)
	if err := file.Write(tokenOf("value")); err == nil || !strings.Contains(err.Error(), "everybody may replace files in "+directory) {
		t.Errorf("got %v", err)
	}
	os.Chmod(directory, 0o777|os.ModeSticky)
	write(t, file, "value")
}

// TestOwner gives the file away as root, and is refused as anybody else.
func TestOwner(t *testing.T) {
	file := newFile(t)
	file.Mode, file.UID, file.GID = 0o640, 65534, 65533
	err := file.Write(tokenOf("value"))
	if os.Geteuid() != 0 {
		if err == nil || !strings.Contains(err.Error(), "65533") {
			t.Errorf("got %v", err)
		}
		wantNames(t, file)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file.Path)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	if stat.Uid != 65534 || stat.Gid != 65533 || info.Mode() != 0o640 {
		t.Errorf("owner %d, group %d, mode %v", stat.Uid, stat.Gid, info.Mode())
	}
	if err := file.Remove(); err != nil {
		t.Error(err)
	}
	wantNames(t, file)
}
