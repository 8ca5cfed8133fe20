package pivtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// childVariable marks, in its environment, the process that holds a stack's
// namespaces, and says what it is to do there.
const childVariable = "PIVTEST_STACK"

// controlFD is the child's end of the connection to its parent.
const controlFD = 3

// childTask is the value of childVariable.
type childTask struct {
	Directory string // the stack's, see Stack
	Pcscd     string // the program
	Driver    string // vpcd's
}

// Main turns the process into the keeper of a stack's namespaces, where a stack has
// started it for that, and does not return then. TestMain and main call it before
// anything else: Go programs cannot enter namespaces later, for they have threads.
func Main() {
	value := os.Getenv(childVariable)
	if value == "" {
		return
	}
	// pcscd is bound to the life of the thread that starts it, see startDaemon.
	runtime.LockOSThread()
	if err := keep(value); err != nil {
		fmt.Fprintln(os.Stderr, "pivtest:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// keeper is the child: it holds the namespaces, and pcscd in them.
type keeper struct {
	task    childTask
	control *net.UnixConn
	daemon  *exec.Cmd
	ended   chan struct{} // closed when daemon has
}

// keep sets the namespaces up and does what the parent asks for until it is gone.
func keep(value string) error {
	k := &keeper{}
	if err := json.Unmarshal([]byte(value), &k.task); err != nil {
		return fmt.Errorf("%s: %w", childVariable, err)
	}
	// Packets, so that a request is what one read gives.
	file := os.NewFile(controlFD, "control")
	conn, err := net.FileConn(file)
	if err != nil {
		return fmt.Errorf("%s: %w", childVariable, err)
	}
	file.Close()
	k.control = conn.(*net.UnixConn)
	// The parent removes the directory too, unless it was killed.
	defer os.RemoveAll(k.task.Directory)
	defer k.endDaemon(syscall.SIGKILL)
	// A keeper that could not enter answers that, and is left by its parent.
	if err := k.answer(nil, k.enter()); err != nil {
		return err
	}
	return k.obey()
}

// obey does what the parent asks for, a word at a time.
func (k *keeper) obey() error {
	request := make([]byte, 64)
	for {
		n, err := k.control.Read(request)
		// The parent has ended or closed the stack. That is the only bond: it holds
		// also where the parent was killed.
		if n == 0 || err != nil {
			return nil
		}
		var passed *os.File
		verb, argument, _ := strings.Cut(string(request[:n]), " ")
		switch verb {
		case "start":
			err = k.startDaemon()
		case "stop":
			k.endDaemon(syscall.SIGTERM)
		case "kill":
			k.endDaemon(syscall.SIGKILL)
		case "dial":
			passed, err = dialReader(argument)
		default:
			err = fmt.Errorf("unknown request %q", verb)
		}
		if err := k.answer(passed, err); err != nil {
			return err
		}
	}
}

// answer sends the parent an error's text, "" for none, and perhaps a file.
func (k *keeper) answer(passed *os.File, failure error) error {
	// A packet has at least a byte: an empty one is the end of the connection.
	// The newline is taken off on the other side.
	text, rights := []byte("\n"), []byte(nil)
	if failure != nil {
		text = []byte(failure.Error() + "\n")
	}
	if passed != nil {
		// The parent gets a descriptor of its own with the packet.
		defer passed.Close()
		rights = syscall.UnixRights(int(passed.Fd()))
	}
	_, _, err := k.control.WriteMsgUnix(text, rights, nil)
	return err
}

// enter makes the namespaces a place for pcscd: its own /run/pcscd, a loopback
// interface, and no other reader than vpcd's.
func (k *keeper) enter() error {
	// Opened first, because the mounts may hide it.
	run, err := os.Open(filepath.Join(k.task.Directory, "run"))
	if err != nil {
		return err
	}
	defer run.Close()
	// Or the machine would get the mounts as well.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the mounts private: %w", err)
	}
	if err := hideReaders(k.task.Driver); err != nil {
		return err
	}
	// pcscd's directory is compiled in, and an ordinary user cannot make it in the
	// machine's /run.
	if err := mountOver("/run"); err != nil {
		return err
	}
	if err := os.Mkdir("/run/pcscd", 0o755); err != nil {
		return err
	}
	// So its socket is in the stack's directory as well, where clients outside of the
	// namespaces can open it: sockets with a path are found by that alone (unix(7)).
	if err := unix.Mount("/proc/self/fd/"+strconv.Itoa(int(run.Fd())), "/run/pcscd", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting /run/pcscd: %w", err)
	}
	return raiseLoopback()
}

// mountOver hides a directory under an empty one.
func mountOver(directory string) error {
	if err := unix.Mount("tmpfs", directory, "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mounting over %s: %w", directory, err)
	}
	return nil
}

// hideReaders leaves vpcd's driver the only one. A pcscd with the USB drivers would
// take the machine's own cards from its pcscd, and show them to the tests.
func hideReaders(driver string) error {
	// A copy, since the mount hides it with the others. A mount of its own may also
	// hold code where the stack's directory may not (noexec).
	code, err := os.ReadFile(driver)
	if err != nil {
		return err
	}
	// Drivers for serial readers have a directory within that of the USB drivers.
	directory := filepath.Dir(driver)
	if err := mountOver(filepath.Dir(directory)); err != nil {
		return err
	}
	if err := os.Mkdir(directory, 0o755); err != nil {
		return err
	}
	return os.WriteFile(driver, code, 0o755)
}

// raiseLoopback brings lo up, which a new network namespace has down.
func raiseLoopback() error {
	// Any socket will do to ask for an interface by (netdevice(7)).
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("raising the loopback interface: %w", err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("raising the loopback interface: %w", err)
	}
	request.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("raising the loopback interface: %w", err)
	}
	return nil
}

// daemonTimeout bounds pcscd's start, which takes 20 ms.
const daemonTimeout = 30 * time.Second

// startDaemon starts pcscd and returns when it takes clients.
func (k *keeper) startDaemon() error {
	if k.daemon != nil {
		return errors.New("pcscd runs already")
	}
	// A pcscd that was killed leaves them, and its successor refuses to start while
	// another process has its number.
	os.Remove("/run/pcscd/pcscd.pid")
	os.Remove("/run/pcscd/pcscd.comm")
	log, err := os.Create(filepath.Join(k.task.Directory, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	arguments := append([]string{"--foreground", "--config", filepath.Join(k.task.Directory, "readers")}, k.withoutPolkit()...)
	daemon := exec.Command(k.task.Pcscd, arguments...)
	// Nothing of the parent's: above all no sockets of systemd to listen on.
	daemon.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	daemon.Stdout, daemon.Stderr = log, log
	// The parent's end ends this process, and this process's end, whatever it is,
	// pcscd.
	daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := daemon.Start(); err != nil {
		return fmt.Errorf("starting pcscd: %w", err)
	}
	k.daemon, k.ended = daemon, make(chan struct{})
	// Waited for at once: while it is a zombie, its successor takes it for alive.
	go func(ended chan struct{}) {
		daemon.Wait()
		close(ended)
	}(k.ended)
	return k.awaitDaemon()
}

// withoutPolkit is the option that keeps pcscd from asking polkit who its clients
// are, where it knows one: behind the mounts there is no polkit to ask.
func (k *keeper) withoutPolkit() []string {
	const option = "--disable-polkit"
	// Its exit code says nothing.
	if help, _ := exec.Command(k.task.Pcscd, "--help").CombinedOutput(); strings.Contains(string(help), option) {
		return []string{option}
	}
	return nil
}

// awaitDaemon returns when pcscd takes clients, or has ended instead.
func (k *keeper) awaitDaemon() error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(daemonTimeout)
	for {
		select {
		case <-k.ended:
			k.daemon = nil
			return fmt.Errorf("pcscd ended at once: %s", k.lastWords())
		case <-timeout:
			k.endDaemon(syscall.SIGKILL)
			return fmt.Errorf("pcscd took no client for %v: %s", daemonTimeout, k.lastWords())
		case <-ticker.C:
		}
		if conn, err := net.Dial("unix", "/run/pcscd/pcscd.comm"); err == nil {
			return conn.Close()
		}
	}
}

// lastWords is the end of pcscd's log.
func (k *keeper) lastWords() string {
	log, err := os.ReadFile(filepath.Join(k.task.Directory, "log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// endDaemon ends pcscd, if it runs, and waits for its end.
func (k *keeper) endDaemon(signal syscall.Signal) {
	if k.daemon == nil {
		return
	}
	k.daemon.Process.Signal(signal)
	select {
	case <-k.ended:
	// Tests must end, whatever a pcscd of another version makes of the signal.
	case <-time.After(daemonTimeout):
		k.daemon.Process.Kill()
		<-k.ended
	}
	k.daemon = nil
}

// dialReader connects to vpcd's reader of that number, as a card does. It is done
// here because vpcd listens where only processes of the namespace reach it; the
// connection itself belongs to no namespace and serves the parent as well.
func dialReader(number string) (*os.File, error) {
	reader, err := strconv.Atoi(number)
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", vpcdPort+reader))
	if err != nil {
		return nil, fmt.Errorf("connecting to vpcd: %w", err)
	}
	defer conn.Close()
	return conn.(*net.TCPConn).File()
}
