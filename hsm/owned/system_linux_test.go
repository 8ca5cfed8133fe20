package owned

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestUnmapped(t *testing.T) {
	for ranges, want := range map[string]bool{
		"         0          0 4294967295\n":                               true,
		"         0       1000          1\n":                               false,
		"      1000       1000          1\n":                               false,
		"         0       1000          1\n         1     100000  65536\n": true,
		"nonsense\n": true,
	} {
		if got := isMapped(ranges, 65534); got != want {
			t.Errorf("%q: %v", ranges, got)
		}
	}
}

// In a container that has one user only, files of all others seem to be nobody's.
func TestInUserNamespace(t *testing.T) {
	if path := os.Getenv("OWNED_TEST_PATH"); path != "" {
		if err := Check(path); err != nil {
			t.Fatal(err)
		}
		// There the other user is who is outside.
		if err := CheckPlace(filepath.Dir(path), 65534); err != nil || !IsOutside(65534) || IsAmbiguous(65534) {
			t.Fatal(err)
		}
		return
	}
	dir := root(t)
	made{"d/", other, other, 0o755}.in(t, dir)
	made{"d/f", other, other, 0o644}.in(t, dir)
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestInUserNamespace$")
	cmd.Env = append(os.Environ(), "OWNED_TEST_PATH="+filepath.Join(dir, "d/f"))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
	}
	output, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("the kernel makes no user namespaces for this process")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// With a list the group's bits are its mask: here one user more may write.
func TestACL(t *testing.T) {
	dir := root(t)
	made{"f", 0, 0, 0o644}.in(t, dir)
	path := filepath.Join(dir, "f")
	list := binary.LittleEndian.AppendUint32(nil, 2) // acl_ea_header, then tag, permissions, id
	for _, entry := range [][3]uint32{{1, 6, 0xffffffff}, {2, 6, other}, {4, 4, 0xffffffff}, {16, 6, 0xffffffff}, {32, 4, 0xffffffff}} {
		list = binary.LittleEndian.AppendUint16(list, uint16(entry[0]))
		list = binary.LittleEndian.AppendUint16(list, uint16(entry[1]))
		list = binary.LittleEndian.AppendUint32(list, entry[2])
	}
	if err := unix.Setxattr(path, "system.posix_acl_access", list, 0); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("the file system has no access control lists")
	} else if err != nil {
		t.Fatal(err)
	}
	if err := checkFor(path, 0); err == nil {
		t.Error("another user may write to it")
	}
}
