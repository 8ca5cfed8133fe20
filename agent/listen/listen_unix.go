//go:build unix

package listen

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"golang.org/x/sys/unix"
)

// privateName is the length of the name of a private directory, with its dot.
const privateName = 7

// fits checks that the kernel can take the path, and the one under which the socket is made.
func fits(path string) error {
	most := len(unix.RawSockaddrUnix{}.Path) - 1 // for the NUL
	longest := max(len(path), len(filepath.Dir(path))+1+privateName+len("/s"))
	if longest > most {
		return fmt.Errorf("the path of the socket is too long, by %d bytes of %d: %s", longest-most, most, path)
	}
	return nil
}

// prepareDirectory makes the directory, or checks the one that is there. A symbolic link counts
// as what it leads to.
func prepareDirectory(directory string, mode fs.FileMode) error {
	if err := makeDirectories(directory, mode); err != nil {
		return fmt.Errorf("making the directory of the socket: %w", err)
	}
	info, err := os.Stat(directory)
	if err != nil {
		return fmt.Errorf("looking at the directory of the socket: %w", err)
	}
	if owner := local.OwnerOf(info); owner != 0 && owner != os.Geteuid() {
		return fmt.Errorf("the directory %s belongs to user %s, who could put another socket there; choose one of your own", directory, local.NameOf(strconv.Itoa(owner)))
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others can write to the directory %s, and could put another socket there: chmod go-w %s", directory, directory)
	}
	return nil
}

// makeDirectories is os.MkdirAll, but the umask has no say.
func makeDirectories(directory string, mode fs.FileMode) error {
	if info, err := os.Stat(directory); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is %s", directory, kindOf(info.Mode()))
		}
		return nil
	}
	if parent := filepath.Dir(directory); parent != directory {
		if err := makeDirectories(parent, mode); err != nil {
			return err
		}
	}
	err := makeDirectory(directory, mode)
	if errors.Is(err, fs.ErrExist) {
		if info, failed := os.Stat(directory); failed == nil && info.IsDir() {
			return nil // another agent was faster
		}
	}
	return err
}

func makeDirectory(directory string, mode fs.FileMode) error {
	if err := os.Mkdir(directory, mode); err != nil {
		return err
	}
	return os.Chmod(directory, mode)
}

// lockFile takes the lock, which ends with the file, and that with the process. The file is
// not removed: somebody could be waiting for the old one while another makes a new one.
func lockFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock file of the socket: %w", err)
	}
	file.Chmod(0o600) // whatever the umask is; of somebody else's file, flock will do
	err = flock(file)
	if err == nil {
		return file, nil
	}
	file.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w: it holds %s", local.ErrRunning, path)
	}
	return nil, fmt.Errorf("locking %s: %w", path, err)
}

// A program that only looks whether there is a lock has it for a moment.
const (
	lockTries = 10
	lockPause = 10 * time.Millisecond
)

// flock locks the file, unless somebody else keeps it locked.
func flock(file *os.File) (err error) {
	for range lockTries {
		if err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		time.Sleep(lockPause)
	}
	return err
}

// bind makes the socket under a private name and moves it into place, over a stale one. The
// umask, which would do as well, belongs to the whole process.
func bind(path string, mode fs.FileMode) (*net.UnixListener, error) {
	private := filepath.Join(filepath.Dir(path), "."+rand.Text()[:privateName-1])
	if err := makeDirectory(private, 0o700); err != nil {
		return nil, err
	}
	defer os.Remove(private)
	name := filepath.Join(private, "s")
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: name})
	if err != nil {
		return nil, err
	}
	socket.SetUnlinkOnClose(false) // by a name that it no longer has
	if err = os.Chmod(name, mode); err == nil {
		err = os.Rename(name, path)
	}
	if err != nil {
		os.Remove(name)
		socket.Close()
		return nil, err
	}
	return socket, nil
}
