//go:build unix

package local

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

func OwnerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// Self is this user, as [Peer.User] has it.
func Self() string { return strconv.Itoa(os.Geteuid()) }

// root is the user that may do everything.
const root = "0"

// Dial connects to whoever listens at a socket.
func Dial(ctx context.Context, socket string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", socket)
}

// Knock returns nil if somebody listens at a socket, also if too many wait there to be accepted.
func Knock(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err == nil {
		conn.Close()
	}
	if IsBusy(err) {
		return nil
	}
	return err
}

// isLocked reports whether an agent has the lock.
func isLocked(path string) bool {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer file.Close()
	return errors.Is(unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// IsBusy reports whether somebody listens, but too many wait to be accepted.
func IsBusy(err error) bool { return errors.Is(err, syscall.EAGAIN) }

// onlyRoot reports whether nobody but root can put anything into the directory.
func onlyRoot(directory string) bool {
	info, err := os.Stat(directory)
	return err == nil && OwnerOf(info) == 0 && info.Mode().Perm()&0o022 == 0
}
