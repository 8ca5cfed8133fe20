//go:build unix

package listen

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
)

// modes returns those of the socket, and of a directory that has to be made for it.
func (o Options) modes() (socket, directory fs.FileMode) {
	if o.Shared {
		return 0o666, 0o755
	}
	return 0o600, 0o700
}

// On makes a unix socket at path and listens on it.
//
// Missing directories are made. The socket's own directory must belong to this user or to
// root, and nobody else may be able to write to it. A socket that a dead agent has left is
// replaced; if a live one answers there, or is about to, the error is [local.ErrRunning].
// Anything else that is in the way is an error, and stays. The file path.lock, which stays
// behind, decides between two agents that start at the same time.
//
// There is no moment at which others could connect to a socket of a wider mode: it is made
// in a private directory, gets its mode, and only then its name. Closing the listener
// removes the socket, unless something else has that name by then. While a Server serves it,
// a socket that somebody has removed is made again, unless another agent is there by then.
//
// On Windows path names a pipe, as \\.\pipe\NAME, which has no file.
func On(path string, options Options) (net.Listener, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := fits(path); err != nil {
		return nil, err
	}
	socketMode, directoryMode := options.modes()
	if err := prepareDirectory(filepath.Dir(path), directoryMode); err != nil {
		return nil, err
	}
	lock, err := lockFile(local.LockOf(path))
	if errors.Is(err, local.ErrRunning) && local.NobodyListens(path) {
		return nil, fmt.Errorf("%w: %s", local.ErrSocketGone, path)
	}
	if errors.Is(err, local.ErrRunning) {
		return nil, cmp.Or(clearWay(path), err) // by its socket, of which more can be told
	}
	if err != nil {
		return nil, err
	}
	socket, file, err := listenLocked(path, socketMode)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &listener{path: path, options: options, socket: socket, file: file, lock: lock}, nil
}

// listener is a socket with a name that is ours.
type listener struct {
	path    string
	options Options

	mu     sync.Mutex
	socket *net.UnixListener
	file   fs.FileInfo // the socket as it was made
	lock   *os.File
	closed bool
}

// listenLocked listens, while the lock keeps other agents away.
func listenLocked(path string, mode fs.FileMode) (*net.UnixListener, fs.FileInfo, error) {
	if err := clearWay(path); err != nil {
		return nil, nil, err
	}
	socket, err := bind(path, mode)
	if err != nil {
		return nil, nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	file, err := os.Lstat(path)
	if err != nil {
		socket.Close()
		return nil, nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	return socket, file, nil
}

// Addr returns the name that the socket has, and not the one under which it was made.
func (l *listener) Addr() net.Addr { return &net.UnixAddr{Net: "unix", Name: l.path} }

// current returns the socket as it is now.
func (l *listener) current() *net.UnixListener {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.socket
}

// Accept returns the next caller, of this socket or of one that takes its place.
func (l *listener) Accept() (net.Conn, error) {
	for {
		socket := l.current()
		conn, err := socket.Accept()
		if err == nil || !errors.Is(err, net.ErrClosed) || socket == l.current() {
			return conn, err
		}
	}
}

// Close removes the socket, if it is still the same, and ends Accept. It does so before it gives up
// the lock, so that no new agent's socket can be taken for the old one.
func (l *listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	if l.isThere() {
		os.Remove(l.path)
	}
	err := l.socket.Close()
	l.lock.Close()
	return err
}

// isThere reports whether the socket still has its name. The caller has the lock.
func (l *listener) isThere() bool {
	file, err := os.Lstat(l.path)
	return err == nil && os.SameFile(file, l.file)
}

// clearWay makes sure that the path is free, or has a socket that nobody listens on.
func clearWay(path string) error {
	file, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking at %s: %w", path, err)
	case file.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is in the way of the socket: it is %s; remove it, or choose another path", path, kindOf(file.Mode()))
	}
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		defer conn.Close()
		if peer, err := local.PeerOf(conn); err == nil && peer.PID > 0 {
			return fmt.Errorf("%w: process %d answers at %s", local.ErrRunning, peer.PID, path)
		}
		return fmt.Errorf("%w: it answers at %s", local.ErrRunning, path)
	case local.IsBusy(err):
		return fmt.Errorf("%w: it listens at %s and is very busy", local.ErrRunning, path)
	case !neterror.IsRefused(err):
		return fmt.Errorf("%s is in the way of the socket: whether somebody listens there cannot be told: %w", path, err)
	}
	return nil
}

// kindOf names what lies at a path.
func kindOf(mode fs.FileMode) string {
	switch mode.Type() {
	case 0:
		return "a regular file"
	case fs.ModeDir:
		return "a directory"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a named pipe"
	}
	return "a " + mode.Type().String() + " file"
}

// restore makes the socket again if its file is gone. It never takes the place of another
// agent: that has the lock, or answers.
func (l *listener) restore() (anew bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.isThere() {
		return false, nil
	}
	socketMode, directoryMode := l.options.modes()
	if err := prepareDirectory(filepath.Dir(l.path), directoryMode); err != nil {
		return false, err
	}
	if err := l.relock(); err != nil {
		return false, err
	}
	socket, file, err := listenLocked(l.path, socketMode)
	if err != nil {
		return false, err
	}
	l.socket.Close()
	l.socket, l.file = socket, file
	return true, nil
}

// relock takes the lock again, if its file is gone as well.
func (l *listener) relock() error {
	ours, err := l.lock.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Lstat(local.LockOf(l.path)); err == nil && os.SameFile(ours, there) {
		return nil
	}
	lock, err := lockFile(local.LockOf(l.path))
	if errors.Is(err, local.ErrRunning) {
		return fmt.Errorf("another agent has taken its place: end one of the two: %w", err)
	}
	if err != nil {
		return err
	}
	l.lock.Close()
	l.lock = lock
	return nil
}
