//go:build unix

package listen_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/listen"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// accepts reports whether a caller at path reaches a listener. Its Accept is under way already.
func accepts(t *testing.T, path string, accepted <-chan error) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
}

// acceptOne accepts one caller.
func acceptOne(listener net.Listener) <-chan error {
	accepted := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			conn.Close()
		}
		accepted <- err
	}()
	return accepted
}

// TestSocketIsMadeAnew: whatever was removed of it, callers find the agent again.
func TestSocketIsMadeAnew(t *testing.T) {
	for name, remove := range map[string]func(path string) error{
		"socket":          os.Remove,
		"lock and socket": func(path string) error { return errors.Join(os.Remove(path), os.Remove(path+".lock")) },
		"directory":       func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run", "agent.sock")
			listener := open(t, path, listen.Options{Shared: true})
			accepted := acceptOne(listener)
			if anew, err := listen.Restore(listener); anew || err != nil {
				t.Errorf("nothing was removed: %v, %v", anew, err)
			}
			if err := remove(path); err != nil {
				t.Fatal(err)
			}
			if anew, err := listen.Restore(listener); !anew || err != nil {
				t.Fatalf("made anew: %v, %v", anew, err)
			}
			accepts(t, path, accepted)
			if mode := modeOf(t, path).Perm(); mode != 0o666 {
				t.Errorf("mode %o", mode)
			}
			if mode := modeOf(t, filepath.Dir(path)).Perm(); mode != 0o755 {
				t.Errorf("mode of the directory %o", mode)
			}
			if _, err := listen.On(path, listen.Options{}); !errors.Is(err, local.ErrRunning) || errors.Is(err, local.ErrSocketGone) {
				t.Errorf("a second agent: %v", err)
			}
			listener.Close()
			if got := names(t, filepath.Dir(path)); got != "agent.sock.lock" {
				t.Errorf("it leaves %s", got)
			}
			if anew, err := listen.Restore(listener); anew || err != nil {
				t.Errorf("after its end: %v, %v", anew, err)
			}
		})
	}
}

// TestSocketOfAnotherStays: an agent that has lost its place to another does not take it back.
func TestSocketOfAnotherStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	first := open(t, path, listen.Options{})
	if err := errors.Join(os.Remove(path), os.Remove(path+".lock")); err != nil {
		t.Fatal(err)
	}
	second := open(t, path, listen.Options{})
	if anew, err := listen.Restore(first); anew || !errors.Is(err, local.ErrRunning) || !strings.Contains(err.Error(), "end one of the two") {
		t.Errorf("%v, %v", anew, err)
	}
	accepts(t, path, acceptOne(second))
	second.Close()
	if anew, err := listen.Restore(first); !anew || err != nil {
		t.Errorf("after the other's end: %v, %v", anew, err)
	}
	accepts(t, path, acceptOne(first))
}

// TestSomethingInTheSocketsPlace stays, and is named.
func TestSomethingInTheSocketsPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	listener := open(t, path, listen.Options{})
	os.Remove(path)
	os.Mkdir(path, 0o700)
	if _, err := listen.Restore(listener); err == nil || !strings.Contains(err.Error(), "it is a directory; remove it") {
		t.Error(err)
	}
	wantSocketGone(t, path)
	os.Remove(path)
	if anew, err := listen.Restore(listener); !anew || err != nil {
		t.Errorf("%v, %v", anew, err)
	}
}

// TestSocketGone: a caller and a second agent are told the same.
func TestSocketGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	listener := open(t, path, listen.Options{})
	os.Remove(path)
	wantSocketGone(t, path)
	listener.Close()
	if _, err := local.NewClient(path).Status(t.Context()); !errors.Is(err, local.ErrNotRunning) {
		t.Errorf("after its end: %v", err)
	}
}

func wantSocketGone(t *testing.T, path string) {
	t.Helper()
	_, asking := local.NewClient(path).Status(t.Context())
	_, serving := listen.On(path, listen.Options{})
	for _, err := range []error{asking, serving} {
		if !errors.Is(err, local.ErrSocketGone) || !strings.Contains(err.Error(), "somebody has removed its socket: "+path) {
			t.Error(err)
		}
	}
}

// TestSocketOfSystemd is not made again, since systemd would never listen on it.
func TestSocketOfSystemd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	look := listen.LookAfter(socket)
	if _, err := look(); err != nil {
		t.Error(err)
	}
	os.Remove(path)
	if anew, err := look(); anew || err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "systemctl restart anaplan-agent.socket") {
		t.Errorf("%v, %v", anew, err)
	}
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	if listen.LookAfter(port) != nil {
		t.Error("a port has a file")
	}
}
