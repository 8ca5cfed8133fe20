//go:build unix

package listen_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/listen"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// directory returns a directory with a short name, for socket paths have 108 bytes.
func directory(t *testing.T) string {
	t.Helper()
	path, err := os.MkdirTemp("", "al")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(path) })
	return path
}

// open listens until the test ends.
func open(t *testing.T, path string, options listen.Options) net.Listener {
	t.Helper()
	listener, err := listen.On(path, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

// names returns what lies in a directory.
func names(t *testing.T, directory string) string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return strings.Join(all, " ")
}

// The umask belongs to the process, so this test must not run beside others.
func TestListenModes(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o077, 0o777} {
		for _, test := range []struct {
			options        listen.Options
			parent, socket fs.FileMode
		}{
			{listen.Options{}, 0o700, 0o600},
			{listen.Options{Shared: true}, 0o755, 0o666},
		} {
			root := directory(t)
			parent := filepath.Join(root, "a", "b")
			old := syscall.Umask(mask)
			listener, err := listen.On(filepath.Join(parent, "agent.sock"), test.options)
			syscall.Umask(old)
			if err != nil {
				t.Fatalf("umask %o: %v", mask, err)
			}
			defer listener.Close()
			for path, want := range map[string]fs.FileMode{
				filepath.Dir(parent): fs.ModeDir | test.parent, parent: fs.ModeDir | test.parent,
				filepath.Join(parent, "agent.sock"): fs.ModeSocket | test.socket,
			} {
				if got := modeOf(t, path); got != want {
					t.Errorf("umask %o, %+v: %s has mode %v, want %v", mask, test.options, path, got, want)
				}
			}
			if got := names(t, parent); got != "agent.sock agent.sock.lock" {
				t.Errorf("in the directory: %s", got)
			}
			if got := listener.Addr().String(); got != filepath.Join(parent, "agent.sock") {
				t.Errorf("the address is %s", got)
			}
		}
	}
}

func TestListenTwice(t *testing.T) {
	socket := filepath.Join(directory(t), "s")
	listener := open(t, socket, listen.Options{})
	if _, err := listen.On(socket, listen.Options{}); !errors.Is(err, local.ErrRunning) || !strings.Contains(err.Error(), socket) {
		t.Errorf("got %v", err)
	}
	listener.Close()
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
	open(t, socket, listen.Options{})
}

// A socket that somebody listens on without our lock, such as an older version or systemd.
func TestListenBesideOthers(t *testing.T) {
	socket := filepath.Join(directory(t), "s")
	other, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := listen.On(socket, listen.Options{}); !errors.Is(err, local.ErrRunning) {
		t.Errorf("got %v", err)
	}
	if modeOf(t, socket).Type() != fs.ModeSocket {
		t.Error("the socket is gone")
	}
}

func TestListenReplacesStale(t *testing.T) {
	socket := filepath.Join(directory(t), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	open(t, socket, listen.Options{})
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestListenAtOnce(t *testing.T) {
	for range 20 {
		socket := filepath.Join(directory(t), "a", "s")
		var agents sync.WaitGroup
		var winners atomic.Int32
		end := make(chan struct{})
		tried := make(chan struct{}, 16)
		for range cap(tried) {
			agents.Go(func() {
				listener, err := listen.On(socket, listen.Options{})
				tried <- struct{}{}
				if err == nil {
					winners.Add(1)
					<-end
					listener.Close()
				} else if !errors.Is(err, local.ErrRunning) {
					t.Errorf("got %v", err)
				}
			})
		}
		for range cap(tried) {
			<-tried
		}
		close(end)
		agents.Wait()
		if got := winners.Load(); got != 1 {
			t.Fatalf("%d agents listen", got)
		}
	}
}

func TestListenThingsInTheWay(t *testing.T) {
	for kind, put := range map[string]func(path string) error{
		"a regular file":  func(path string) error { return os.WriteFile(path, []byte("precious"), 0o600) },
		"a directory":     func(path string) error { return os.Mkdir(path, 0o700) },
		"a symbolic link": func(path string) error { return os.Symlink("/nonexistent", path) },
		"a named pipe":    func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		socket := filepath.Join(directory(t), "s")
		if err := put(socket); err != nil {
			t.Fatal(err)
		}
		before := modeOf(t, socket)
		_, err := listen.On(socket, listen.Options{})
		if err == nil || !strings.Contains(err.Error(), socket) || !strings.Contains(err.Error(), kind) || errors.Is(err, local.ErrRunning) {
			t.Errorf("%s: %v", kind, err)
		}
		if after := modeOf(t, socket); after != before {
			t.Errorf("%s has become %v", kind, after)
		}
	}
}

// Without its lock a socket is not taken: whose it is cannot be known then.
func TestListenWithoutALock(t *testing.T) {
	socket := filepath.Join(directory(t), "s")
	if err := os.Mkdir(local.LockOf(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := listen.On(socket, listen.Options{})
	if err == nil || !strings.Contains(err.Error(), "opening the lock file of the socket") || !strings.Contains(err.Error(), local.LockOf(socket)) || errors.Is(err, local.ErrRunning) {
		t.Error(err)
	}
}

func TestListenDirectory(t *testing.T) {
	root := directory(t)
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wide := filepath.Join(root, "open")
	if err := os.Mkdir(wide, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		parent, want string
		mode         fs.FileMode
	}{
		{wide, "chmod go-w", 0o777}, {wide, "chmod go-w", 0o720}, {wide, "chmod go-w", 0o702}, {wide, "chmod go-w", fs.ModeSticky | 0o777},
		{file, "is a regular file", 0o600},
		{filepath.Join(file, "below"), "is a regular file", 0o600},
	} {
		if test.parent == wide {
			os.Chmod(wide, test.mode)
		}
		_, err := listen.On(filepath.Join(test.parent, "s"), listen.Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), root) {
			t.Errorf("%s with mode %v: %v", test.parent, test.mode, err)
		}
	}
	os.Chmod(wide, 0o755)
	link := filepath.Join(root, "link")
	if err := os.Symlink(wide, link); err != nil {
		t.Fatal(err)
	}
	open(t, filepath.Join(link, "s"), listen.Options{})
}

func TestListenDirectoryOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	others := directory(t)
	if err := os.Chown(others, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if _, err := listen.On(filepath.Join(others, "s"), listen.Options{}); err == nil || !strings.Contains(err.Error(), "user nobody") {
		t.Errorf("got %v", err)
	}
}

func TestListenLongPath(t *testing.T) {
	root := directory(t)
	for _, length := range []int{90, 100, 103, 104, 107, 108, 109, 200} {
		socket := filepath.Join(root, strings.Repeat("d", length-len(root)-len("//agent.sock")), "agent.sock")
		listener, err := listen.On(socket, listen.Options{})
		switch {
		case err == nil && length <= 107:
			conn, err := net.Dial("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			listener.Close()
		case err == nil || length <= 103 || !strings.Contains(err.Error(), "too long"):
			t.Errorf("%d bytes: %v", length, err)
		}
	}
	if got := names(t, root); strings.Contains(got, strings.Repeat("d", 109)) {
		t.Errorf("useless directories were made: %s", got)
	}
}

func TestCloseLeavesWhatIsNotOurs(t *testing.T) {
	socket := filepath.Join(directory(t), "s")
	listener := open(t, socket, listen.Options{})
	if err := os.Remove(socket); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(socket, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed again: %v", err)
	}
	if content, err := os.ReadFile(socket); err != nil || string(content) != "precious" {
		t.Errorf("what lay there: %q %v", content, err)
	}
}
