package local

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// ErrRunning is returned by Listen where another agent listens already.
var ErrRunning = errors.New("an agent is running already")

// ListenOptions say who can get at the socket. What they may do there is for the Server.
type ListenOptions struct {
	// Shared is for an agent of the whole machine: everybody can get at the socket. A
	// directory that has to be made gets mode 0755 in place of 0700.
	Shared bool

	// Mode is the socket's. 0: 0600, or 0666 if Shared.
	Mode fs.FileMode
}

func (o ListenOptions) socketMode() fs.FileMode {
	switch {
	case o.Mode != 0:
		return o.Mode.Perm()
	case o.Shared:
		return 0o666
	}
	return 0o600
}

func (o ListenOptions) directoryMode() fs.FileMode {
	if o.Shared {
		return 0o755
	}
	return 0o700
}

// Listen makes a unix socket at path and listens on it.
//
// Missing directories are made. The socket's own directory must belong to this user or to
// root, and nobody else may be able to write to it. A socket that a dead agent has left is
// replaced; if a live one answers there, or is about to, the error is [ErrRunning].
// Anything else that is in the way is an error, and stays. The file path.lock, which stays
// behind, decides between two agents that start at the same time.
//
// There is no moment at which others could connect to a socket of a wider mode: it is made
// in a private directory, gets its mode, and only then its name. Closing the listener
// removes the socket, unless something else has that name by then.
//
// On Windows the directory is made for this user, the system and administrators only, and one
// that lets in anybody else is refused; the options mean nothing there.
func Listen(path string, options ListenOptions) (net.Listener, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := fits(path); err != nil {
		return nil, err
	}
	if err := prepareDirectory(filepath.Dir(path), options.directoryMode()); err != nil {
		return nil, err
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	listener, err := listenLocked(path, options)
	if err != nil {
		lock.Close()
		return nil, err
	}
	listener.lock = lock
	return listener, nil
}

// listener is a socket with a name that is ours.
type listener struct {
	*net.UnixListener
	path string
	file fs.FileInfo // the socket as it was made
	lock *os.File
	once sync.Once
}

// listenLocked listens, while the lock keeps other agents away.
func listenLocked(path string, options ListenOptions) (*listener, error) {
	if err := clearWay(path); err != nil {
		return nil, err
	}
	socket, err := bind(path, options.socketMode())
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	file, err := os.Lstat(path)
	if err != nil {
		socket.Close()
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	return &listener{UnixListener: socket, path: path, file: file}, nil
}

// Addr returns the name that the socket has, and not the one under which it was made.
func (l *listener) Addr() net.Addr { return &net.UnixAddr{Net: "unix", Name: l.path} }

// Close removes the socket, if it is still the same, and ends Accept. It goes before the
// lock, so that no new agent's socket can be taken for the old one.
func (l *listener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		if file, failed := os.Lstat(l.path); failed == nil && os.SameFile(file, l.file) {
			os.Remove(l.path)
		}
		err = l.UnixListener.Close()
		l.lock.Close()
	})
	return err
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
		conn.Close()
		return fmt.Errorf("%w: it answers at %s", ErrRunning, path)
	case isBusy(err):
		return fmt.Errorf("%w: it listens at %s and is very busy", ErrRunning, path)
	case !isRefused(err):
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
