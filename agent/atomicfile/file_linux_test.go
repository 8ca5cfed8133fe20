package atomicfile_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"golang.org/x/sys/unix"
)

// childVariable tells the test binary that it is the process of one of the tests below, which
// may give up rights; its value is a directory to work in.
const childVariable = "ATOMICFILE_TEST_CHILD"

// inChild runs the rest of a test in a process with other attributes, and reports whether this
// is that process. What the process needs that is not there skips the test.
func inChild(t *testing.T, attributes *syscall.SysProcAttr) (dir string, isChild bool) {
	t.Helper()
	if dir := os.Getenv(childVariable); dir != "" {
		return dir, true
	}
	if os.Geteuid() != 0 {
		t.Skip("it takes root to become another user, or to mount")
	}
	// Not t.TempDir's, above which other users may see nothing.
	dir, err := os.MkdirTemp("", "atomicfile")
	check(t, err)
	made := dir
	t.Cleanup(func() { check(t, os.RemoveAll(made)) })
	check(t, os.Chmod(dir, 0o755))
	binary := filepath.Join(dir, "test") // the build's own directory is root's
	check(t, exec.Command("cp", os.Args[0], binary).Run())
	child := exec.Command(binary, "-test.run=^"+t.Name()+"$", "-test.v")
	child.Dir = dir
	child.Env = append(os.Environ(), childVariable+"="+dir, "TMPDIR="+filepath.Join(dir, "own"))
	child.SysProcAttr = attributes
	prepare(t, dir)
	output, err := child.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("root in a container has not the right")
	}
	if err != nil || !bytes.Contains(output, []byte("--- PASS: "+t.Name())) {
		t.Errorf("%v\n%s", err, output)
	}
	return "", false
}

// somebody is a user without rights.
const somebody = 65534

var asSomebody = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: somebody, Gid: somebody}}

// prepare makes what somebody cannot: a directory that is theirs, one that is not, with a file
// in it that everybody may write to, and one for everybody.
func prepare(t *testing.T, dir string) {
	t.Helper()
	for name, mode := range map[string]fs.FileMode{"own": 0o700, "foreign": 0o755, "everybody": 0o777 | fs.ModeSticky, "shared": 0o777} {
		check(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		check(t, os.Chmod(filepath.Join(dir, name), mode))
	}
	check(t, os.Chown(filepath.Join(dir, "own"), somebody, somebody))
	for _, name := range []string{"foreign/open", "shared/open"} {
		put(t, filepath.Join(dir, name), "old")
		check(t, os.Chmod(filepath.Join(dir, name), 0o666))
	}
	put(t, filepath.Join(dir, "foreign", "closed"), "old")
	put(t, filepath.Join(dir, "shared", "closed"), "old")
}

// TestKept: the same users can read a file as before.
func TestKept(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "file"), "old")
	check(t, os.Chmod(path, 0o640))
	if os.Geteuid() == 0 {
		check(t, os.Chown(path, 65534, 65533))
	}
	attribute := unix.Setxattr(path, "user.note", []byte("kept"), 0)
	// Version 2; owner rw, user 7 r, group none, mask r, others none.
	acl := []byte("\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\x07\x00\x00\x00\x04\x00\x00\x00\xff\xff\xff\xff\x10\x00\x04\x00\xff\xff\xff\xff\x20\x00\x00\x00\xff\xff\xff\xff")
	list := unix.Setxattr(path, "system.posix_acl_access", acl, 0)
	before, err := os.Stat(path)
	check(t, err)

	write(t, path, "new", atomicfile.Options{Mode: 0o644})
	after, err := os.Stat(path)
	check(t, err)
	is, was := after.Sys().(*syscall.Stat_t), before.Sys().(*syscall.Stat_t)
	if is.Uid != was.Uid || is.Gid != was.Gid || is.Mode != was.Mode {
		t.Errorf("%d:%d %o, want %d:%d %o", is.Uid, is.Gid, is.Mode, was.Uid, was.Gid, was.Mode)
	}
	for name, want := range map[string]string{"user.note": "kept", "system.posix_acl_access": string(acl)} {
		if name == "user.note" && attribute != nil || name != "user.note" && list != nil {
			continue // not on this file system
		}
		got := make([]byte, 100)
		if n, err := unix.Getxattr(path, name, got); err != nil || string(got[:n]) != want {
			t.Errorf("%s is %q (%v)", name, got[:max(n, 0)], err)
		}
	}

	// A new one is like another, or the caller's alone.
	other := filepath.Join(filepath.Dir(path), "other")
	write(t, other, "", atomicfile.Options{Like: path})
	if info, err := os.Stat(other); err != nil || info.Mode() != before.Mode() || info.Sys().(*syscall.Stat_t).Uid != was.Uid {
		t.Errorf("%v (%v)", info, err)
	}
	for mode, want := range map[fs.FileMode]fs.FileMode{0: 0o600, 0o644: 0o640} {
		mask := syscall.Umask(0o027)
		check(t, os.Remove(other))
		write(t, other, "", atomicfile.Options{Mode: mode})
		syscall.Umask(mask)
		if info, err := os.Stat(other); err != nil || info.Mode() != want {
			t.Errorf("mode %o: %v (%v), want %o", mode, info.Mode(), err, want)
		}
	}
}

func TestLinks(t *testing.T) {
	dir := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(dir, "real", "deep"), 0o700))
	put(t, filepath.Join(dir, "real", "file"), "old")
	for name, link := range map[string]string{
		"deep":   "real/deep",       // below it, .. is real
		"first":  "deep/../file",    //
		"second": dir + "/first",    //
		"later":  "real/later",      // not there yet
		"loop":   "loop",            //
		"nodir":  "none/whatsoever", //
	} {
		check(t, os.Symlink(link, filepath.Join(dir, name)))
	}
	for _, name := range []string{"second", "later"} {
		if err := atomicfile.Write(filepath.Join(dir, name), nil, atomicfile.Options{New: true}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	write(t, filepath.Join(dir, "second"), "new", atomicfile.Options{})
	wantContent(t, filepath.Join(dir, "real", "file"), "new")
	write(t, filepath.Join(dir, "later"), "new", atomicfile.Options{})
	wantContent(t, filepath.Join(dir, "real", "later"), "new")
	wantError(t, atomicfile.Write(filepath.Join(dir, "loop"), nil, atomicfile.Options{}), "loop", "too many levels")
	wantError(t, atomicfile.Write(filepath.Join(dir, "nodir"), nil, atomicfile.Options{}), "nodir", "there is no directory "+dir+"/none")
	wantNames(t, dir, "deep", "first", "later", "loop", "nodir", "real", "second")
	wantNames(t, filepath.Join(dir, "real"), "deep", "file", "later")
}

// TestFIFO: it is read by a program that comes later, and stays a FIFO.
func TestFIFO(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "fifo")
	check(t, syscall.Mkfifo(path, 0o600))
	check(t, os.Symlink(path, filepath.Join(dir, "link")))
	read := make(chan string)
	go func() {
		text, err := os.ReadFile(path)
		if err != nil {
			text = []byte(err.Error())
		}
		read <- string(text)
	}()
	out, err := atomicfile.Create(t.Context(), filepath.Join(dir, "link"), atomicfile.Options{New: true})
	check(t, err)
	check(t, out.Finish([]byte(strings.Repeat("x", 1<<20))))
	if got := <-read; len(got) != 1<<20 {
		t.Errorf("read %d bytes, %.40q", len(got), got)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("%v, %v", info, err)
	}

	// Nobody reads it.
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(30*time.Millisecond, func() { cancel(errors.New("interrupted")) })
	_, err = atomicfile.Create(ctx, path, atomicfile.Options{})
	wantError(t, err, path, "interrupted")
	wantError(t, atomicfile.Write(path, nil, atomicfile.Options{}), path, "nobody reads the FIFO")
	wantNames(t, dir, "fifo", "link")
}

// TestDescriptor: what a shell has opened is written to from where it stands. What this process
// has opened for itself is not.
func TestDescriptor(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "file"), "")
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, err)
	defer file.Close()
	_, err = file.WriteString("before ")
	check(t, err)
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	check(t, err)
	socket := os.NewFile(uintptr(pair[0]), "socket")
	defer socket.Close()
	inherited, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD, 3)
	check(t, err)
	defer syscall.Close(inherited)
	name := func(fd int) string { return filepath.Join("/dev/fd", strconv.Itoa(fd)) }
	link := filepath.Join(t.TempDir(), "link")
	check(t, os.Symlink(name(inherited), link))

	write(t, link, "new ", atomicfile.Options{New: true})
	write(t, "/proc/self/fd/"+strconv.Itoa(inherited), "newer", atomicfile.Options{})
	wantContent(t, path, "before new newer")
	write(t, name(pair[1]), "socket", atomicfile.Options{})
	syscall.Close(pair[1])
	if got, err := io.ReadAll(socket); string(got) != "socket" {
		t.Errorf("%q, %v", got, err)
	}
	wantError(t, atomicfile.Write(name(int(file.Fd())), nil, atomicfile.Options{}), "this file descriptor is not open")
	wantError(t, atomicfile.Write(name(1000000), nil, atomicfile.Options{}), "this file descriptor is not open")
	wantContent(t, path, "before new newer")
}

// TestOtherProcess: a descriptor of another process may be of a file that has no name any more.
func TestOtherProcess(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "file"), "longer than the new")
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, err)
	defer file.Close()
	other := exec.Command("cat")
	stdin, err := other.StdinPipe()
	check(t, err)
	other.Stderr = file
	check(t, other.Start())
	defer other.Wait()
	defer stdin.Close()
	check(t, os.Remove(path))
	write(t, "/proc/"+strconv.Itoa(other.Process.Pid)+"/fd/2", "new", atomicfile.Options{})
	got, err := io.ReadAll(file)
	if string(got) != "new" {
		t.Errorf("%q, %v", got, err)
	}
	wantNames(t, filepath.Dir(path))
}

// TestDevice: devices of our own; a socket nobody can write to.
func TestDevice(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "socket")
	listener, err := net.Listen("unix", socket)
	check(t, err)
	wantError(t, atomicfile.Write(socket, nil, atomicfile.Options{}), socket)
	listener.Close()
	null, full := filepath.Join(dir, "null"), filepath.Join(dir, "full")
	if err := errors.Join(syscall.Mknod(null, syscall.S_IFCHR|0o620, 1<<8|3), syscall.Mknod(full, syscall.S_IFCHR|0o620, 1<<8|7)); err != nil {
		t.Skip("making devices: ", err)
	}
	before, err := os.Lstat(null)
	check(t, err)
	if err := os.WriteFile(null, nil, 0); errors.Is(err, fs.ErrPermission) {
		t.Skip("there can be no devices in ", dir)
	}
	write(t, null, "new", atomicfile.Options{New: true, Mode: 0o644})
	wantError(t, atomicfile.Write(full, []byte("new"), atomicfile.Options{}), full, "no space left")
	after, err := os.Lstat(null)
	if err != nil || after.Mode() != before.Mode() || !os.SameFile(before, after) {
		t.Errorf("%v, %v", after, err)
	}
	wantNames(t, dir, "full", "null")
}

// TestWithoutRights: a file that may be written to, though its directory may not, or its owner
// is another, is written in place. One that may not be is not replaced.
func TestWithoutRights(t *testing.T) {
	dir, isChild := inChild(t, asSomebody)
	if !isChild {
		return
	}
	long := strings.Repeat("new", 1<<20) // more than is kept in memory
	for _, name := range []string{"foreign/open", "shared/open"} {
		path := filepath.Join(dir, name)
		before, err := os.Stat(path)
		check(t, err)
		out, err := atomicfile.Create(t.Context(), path, atomicfile.Options{})
		check(t, err)
		_, err = io.WriteString(out, "half")
		check(t, err)
		check(t, out.Discard())
		wantContent(t, path, "old")
		for _, text := range []string{"new", long, ""} {
			write(t, path, text, atomicfile.Options{})
			wantContent(t, path, text)
		}
		after, err := os.Stat(path)
		if err != nil || !os.SameFile(before, after) || after.Mode() != before.Mode() {
			t.Errorf("%v, %v", after, err)
		}
	}
	wantError(t, atomicfile.Write(filepath.Join(dir, "foreign", "closed"), nil, atomicfile.Options{}), "foreign/closed", "user 65534 may not write in "+dir+"/foreign")
	wantError(t, atomicfile.Write(filepath.Join(dir, "foreign", "new"), nil, atomicfile.Options{}), "foreign/new", "may not write in")
	wantError(t, atomicfile.Write(filepath.Join(dir, "shared", "closed"), nil, atomicfile.Options{}), "shared/closed")
	wantNames(t, filepath.Join(dir, "foreign"), "closed", "open")
	wantNames(t, filepath.Join(dir, "shared"), "closed", "open")
	wantNames(t, os.TempDir())
	t.Setenv("TMPDIR", filepath.Join(dir, "foreign"))
	wantError(t, atomicfile.Write(filepath.Join(dir, "foreign", "open"), []byte(long), atomicfile.Options{}), "keeping it in "+dir+"/foreign", "set TMPDIR")
}

// TestPlanted: what another user has put into a directory for everybody is left alone, also by
// root.
func TestPlanted(t *testing.T) {
	dir, isChild := inChild(t, &syscall.SysProcAttr{})
	if !isChild {
		return
	}
	everybody := filepath.Join(dir, "everybody")
	for _, name := range []string{"file", "fifo", "link", "mine"} {
		path := filepath.Join(everybody, name)
		switch name {
		case "fifo":
			check(t, syscall.Mkfifo(path, 0o666))
		case "link":
			check(t, os.Symlink(filepath.Join(dir, "own", "victim"), path))
		default:
			put(t, path, "theirs")
		}
		if name != "mine" {
			check(t, os.Lchown(path, somebody, somebody))
		}
	}
	for _, name := range []string{"file", "fifo", "link"} {
		err := atomicfile.Write(filepath.Join(everybody, name), []byte("secret"), atomicfile.Options{})
		wantError(t, err, name, "it is another user's, in a directory that everybody may write to")
	}
	write(t, filepath.Join(everybody, "mine"), "secret", atomicfile.Options{})
	wantContent(t, filepath.Join(everybody, "file"), "theirs")
	// One that is replaced regardless of its owner, is.
	given := filepath.Join(everybody, "given")
	put(t, given, "theirs")
	check(t, os.Lchown(given, somebody, somebody))
	theirs, err := os.Open(given)
	check(t, err)
	defer theirs.Close()
	write(t, given, "secret", atomicfile.Options{Give: func(file *os.File) error { return file.Chmod(0o600) }})
	if text, err := io.ReadAll(theirs); string(text) != "theirs" {
		t.Errorf("they read %q, %v", text, err)
	}
	wantContent(t, given, "secret")
	wantNames(t, everybody, "fifo", "file", "given", "link", "mine")
	wantNames(t, filepath.Join(dir, "own"))
}

// TestMounts: a file that is a mount point, as containers have them, and full disks.
func TestMounts(t *testing.T) {
	dir, isChild := inChild(t, &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS})
	if !isChild {
		return
	}
	disk, point := filepath.Join(dir, "own"), filepath.Join(dir, "shared", "open")
	check(t, syscall.Mount("disk", disk, "tmpfs", 0, "size=64k"))
	defer syscall.Unmount(disk, 0)
	mounted := put(t, filepath.Join(disk, "mounted"), "old")
	check(t, syscall.Mount(mounted, point, "", syscall.MS_BIND, ""))
	defer syscall.Unmount(point, 0)

	for _, text := range []string{"longer than before", "short"} {
		write(t, point, text, atomicfile.Options{})
		wantContent(t, mounted, text)
		wantNames(t, filepath.Dir(point), "closed", "open")
	}
	given := false
	write(t, point, "given", atomicfile.Options{Give: func(file *os.File) error { given = true; return file.Chmod(0o640) }})
	if info, err := os.Stat(mounted); err != nil || info.Mode() != 0o640 || !given {
		t.Errorf("%v, %v", info, err)
	}

	big := strings.Repeat("x", 100<<10)
	for _, path := range []string{point, mounted, filepath.Join(disk, "new")} {
		wantError(t, atomicfile.Write(path, []byte(big), atomicfile.Options{}), path, "no space left on device", "make room in "+filepath.Dir(path), "unchanged")
		wantContent(t, mounted, "given")
		wantNames(t, disk, "mounted")
		wantNames(t, filepath.Dir(point), "closed", "open")
	}

	check(t, syscall.Mount("disk", disk, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size=64k"))
	wantError(t, atomicfile.Write(mounted, nil, atomicfile.Options{}), mounted, disk+" is on a read-only file system: choose another directory")
	wantError(t, atomicfile.Write(point, nil, atomicfile.Options{}), point, "read-only file system")
	wantContent(t, mounted, "given")
}

// TestReadOnlyDirectory: a file that can be written to is, though it is the only one there.
func TestReadOnlyDirectory(t *testing.T) {
	dir, isChild := inChild(t, &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS})
	if !isChild {
		return
	}
	disk := filepath.Join(dir, "own")
	source := put(t, filepath.Join(dir, "source"), "old")
	check(t, syscall.Mount("disk", disk, "tmpfs", 0, ""))
	defer syscall.Unmount(disk, 0)
	point := put(t, filepath.Join(disk, "point"), "")
	check(t, syscall.Mount(source, point, "", syscall.MS_BIND, ""))
	defer syscall.Unmount(point, 0)
	check(t, syscall.Mount("disk", disk, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	write(t, point, "new", atomicfile.Options{})
	wantContent(t, source, "new")
}

// TestLeft: what a process that was killed has left goes, what one writes that runs stays.
func TestLeft(t *testing.T) {
	if path := os.Getenv(childVariable); path != "" {
		out, err := atomicfile.Create(t.Context(), path, atomicfile.Options{})
		check(t, err)
		io.WriteString(out, "half")
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	dir := t.TempDir()
	path := put(t, filepath.Join(dir, "file"), "old")
	put(t, filepath.Join(dir, ".anaplan-agent-like"), "somebody's own")
	for range 3 {
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), childVariable+"="+path)
		if err := child.Run(); err == nil {
			t.Fatal("it was not killed")
		}
		wantContent(t, path, "old")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("%v (%v), want the file, somebody's own and one left file", entries, err)
	}
	slow, err := atomicfile.Create(t.Context(), path, atomicfile.Options{})
	check(t, err)
	write(t, path, "new", atomicfile.Options{})
	check(t, slow.Finish([]byte("slow")))
	wantContent(t, path, "slow")
	wantNames(t, dir, ".anaplan-agent-like", "file")
}

// TestNoRoom has writing fail by a limit on the size of files, which needs no rights.
func TestNoRoom(t *testing.T) {
	if path := os.Getenv(childVariable); path != "" {
		signal.Ignore(syscall.SIGXFSZ)
		check(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 10, Max: 10}))
		wantError(t, atomicfile.Write(path, []byte("longer than ten"), atomicfile.Options{}), path, "file too large", "make room")
		wantNames(t, filepath.Dir(path), "file")
		return
	}
	path := put(t, filepath.Join(t.TempDir(), "file"), "old")
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), childVariable+"="+path)
	if output, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	wantContent(t, path, "old")
}
