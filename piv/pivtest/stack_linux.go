package pivtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// StackOptions say what a stack is like. The zero value is right for tests.
type StackOptions struct {
	// Reader is the readers' name; "" is a YubiKey's. Yubico's programs look for
	// cards in readers of such names only.
	Reader string

	// NoReaders starts pcscd without any reader.
	NoReaders bool
}

// defaultReader is how pcscd calls a YubiKey with all of its interfaces.
const defaultReader = "Yubico YubiKey OTP+FIDO+CCID"

// vpcdPort is where vpcd's first reader listens. The second is one above.
const vpcdPort = 0x8C7B

// readers is how many vpcd has.
const readers = 2

// Stack is a pcscd of its own with two virtual readers, in namespaces that nobody
// else is in. Clients find it by Env. The cards stay in this process.
//
// Its methods may be called by several goroutines. They return when pcscd shows
// what they did. On a Stack of NewStack an error is also one of the test, so that a
// test need not look at it.
type Stack struct {
	directory string
	child     child
	readers   int // that pcscd must show
	report    func(error) error

	mu      sync.Mutex // held for no I/O
	running bool       // pcscd does
	slots   [readers]slot

	serving sync.WaitGroup // what answers for the cards
}

// ErrMissing is that of a machine that cannot have a stack: it lacks a package, or
// forbids namespaces.
var ErrMissing = errors.New("no PC/SC stack of its own")

// NewStack starts a stack that ends with the test. Where the machine cannot have
// one the test is skipped, or fails where ANAPLAN_AGENT_REQUIRE names the lane pcsc.
//
// The test's TestMain must call Main.
func NewStack(t testing.TB) *Stack { return NewStackWith(t, StackOptions{}) }

// NewStackWith is NewStack with options.
func NewStackWith(t testing.TB, options StackOptions) *Stack {
	t.Helper()
	s, err := StartStack(t.Context(), options)
	if errors.Is(err, ErrMissing) {
		Missing(t, "pcsc", err.Error())
	}
	if err != nil {
		t.Fatalf("starting a PC/SC stack: %v", err)
	}
	s.report = func(err error) error {
		if err != nil {
			t.Helper()
			t.Error(err)
		}
		return err
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// StartStack starts a stack. ctx governs the start alone; Close ends what was
// started.
func StartStack(ctx context.Context, options StackOptions) (*Stack, error) {
	task, err := findParts("/")
	if err != nil {
		return nil, err
	}
	// Not in the test's directory, whose name may be too long for a socket's.
	if task.Directory, err = os.MkdirTemp("", "pcscd"); err != nil {
		return nil, fmt.Errorf("making the stack's directory: %w", err)
	}
	s := &Stack{directory: task.Directory, report: func(err error) error { return err }}
	err = checkSocket(s.Socket())
	if err == nil {
		err = s.start(ctx, task, options)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// checkSocket refuses a path that no client could connect to. pcscd itself would not
// mind: where it is, the path is another.
func checkSocket(path string) error {
	if longest := len(syscall.RawSockaddrUnix{}.Path) - 1; len(path) > longest {
		return fmt.Errorf("the path of pcscd's socket has %d bytes, and a socket's has at most %d; set TMPDIR to a shorter directory", len(path), longest)
	}
	return nil
}

// findParts finds the programs that a stack is made of, below root.
func findParts(root string) (childTask, error) {
	task := childTask{}
	// Not by PATH: that of an ordinary user often lacks the directory of daemons.
	if task.Pcscd = firstOf(root, "usr/sbin/pcscd", "usr/bin/pcscd", "usr/local/sbin/pcscd"); task.Pcscd == "" {
		return task, fmt.Errorf("%w: pcscd is not installed (package pcscd)", ErrMissing)
	}
	// Debian's, Fedora's, and that of systems with a directory for each architecture.
	const driver = "pcsc/drivers/serial/libifdvpcd.so"
	if task.Driver = firstOf(root, "usr/lib/"+driver, "usr/lib64/"+driver, "usr/lib/*/"+driver); task.Driver == "" {
		return task, fmt.Errorf("%w: vpcd, the virtual reader, is not installed (package vsmartcard-vpcd)", ErrMissing)
	}
	return task, nil
}

// firstOf returns the first file that fits a pattern below root; "" for none.
func firstOf(root string, patterns ...string) string {
	for _, pattern := range patterns {
		// The patterns are well formed, which is all that Glob may complain of.
		if found, _ := filepath.Glob(filepath.Join(root, pattern)); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// start starts the child, and pcscd in it.
func (s *Stack) start(ctx context.Context, task childTask, options StackOptions) error {
	if err := writeReaders(task, options); err != nil {
		return err
	}
	if !options.NoReaders {
		s.readers = readers
	}
	if err := s.child.start(task); err != nil {
		return err
	}
	// The child's first word is that its namespaces are made.
	if _, err := s.child.reply(); err != nil {
		// Where a security module lets users make namespaces and do nothing in them.
		return fmt.Errorf("%w: setting its namespaces up: %w", ErrMissing, err)
	}
	return s.startDaemon(ctx)
}

// writeReaders makes the stack's directories and pcscd's list of readers.
func writeReaders(task childTask, options StackOptions) error {
	for _, name := range []string{"run", "readers"} {
		if err := os.Mkdir(filepath.Join(task.Directory, name), 0o755); err != nil {
			return err
		}
	}
	// An empty directory, for without any pcscd would read the machine's own.
	if options.NoReaders {
		return nil
	}
	name := options.Reader
	if name == "" {
		name = defaultReader
	}
	text := fmt.Sprintf("FRIENDLYNAME %q\nDEVICENAME /dev/null:0x%X\nLIBPATH %s\nCHANNELID 0x%X\n", name, vpcdPort, task.Driver, vpcdPort)
	return os.WriteFile(filepath.Join(task.Directory, "readers", "vpcd"), []byte(text), 0o644)
}

// child is the process in which pcscd runs: this program once more, in namespaces.
type child struct {
	process *exec.Cmd
	asking  sync.Mutex // held for a request and its answer
	control *net.UnixConn
}

// start starts this program once more, in namespaces.
func (c *child) start(task childTask) error {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("connecting to the stack's process: %w", err)
	}
	// The child holds its end alone, and this process ours: so each sees the other's
	// end as the end of the connection.
	theirs := os.NewFile(uintptr(pair[1]), "control")
	defer theirs.Close()
	ours := os.NewFile(uintptr(pair[0]), "control")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return fmt.Errorf("connecting to the stack's process: %w", err)
	}
	c.control = conn.(*net.UnixConn)
	value, err := json.Marshal(task)
	if err != nil {
		return err
	}
	// Root needs no user namespace, and has it no more where a container took the
	// right away. Everybody else always needs one.
	if os.Getuid() == 0 {
		c.process, err = startKeeper(string(value), theirs, nil)
	}
	if c.process == nil {
		c.process, err = startKeeper(string(value), theirs, ownUser())
	}
	if err != nil {
		return fmt.Errorf("%w: it takes root or user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone): %w", ErrMissing, err)
	}
	return nil
}

// ownUser makes a user namespace where this process's user is root.
func ownUser() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
}

// startKeeper starts this program as the keeper of namespaces.
func startKeeper(task string, control *os.File, attributes *syscall.SysProcAttr) (*exec.Cmd, error) {
	if attributes == nil {
		attributes = &syscall.SysProcAttr{}
	}
	attributes.Cloneflags |= syscall.CLONE_NEWNS | syscall.CLONE_NEWNET
	// Ctrl-C on a terminal is for this process, which then ends the child in order.
	attributes.Setpgid = true
	// A test binary whose TestMain does not call Main must not run its tests, and
	// start another: it finds none of that name.
	child := exec.Command("/proc/self/exe", "-test.run=^$")
	// A program built with -race waits a second before it ends, for reports.
	child.Env = append(os.Environ(), childVariable+"="+task, "GORACE=atexit_sleep_ms=0")
	child.ExtraFiles = []*os.File{control} // controlFD
	child.Stderr = os.Stderr
	child.SysProcAttr = attributes
	if err := child.Start(); err != nil {
		return nil, err
	}
	return child, nil
}

// ask has the child do something; it returns the file that comes with the answer.
func (c *child) ask(request string) (*os.File, error) {
	c.asking.Lock()
	defer c.asking.Unlock()
	if _, err := c.control.Write([]byte(request)); err != nil {
		return nil, fmt.Errorf("asking the stack's process: %w", err)
	}
	return c.reply()
}

// reply reads an answer of the child.
func (c *child) reply() (*os.File, error) {
	// Longer than the child takes for anything, and no ctx: a request that was given up
	// would leave its answer for the next.
	if err := c.control.SetReadDeadline(time.Now().Add(2 * daemonTimeout)); err != nil {
		return nil, err
	}
	text, rights := make([]byte, 4096), make([]byte, syscall.CmsgSpace(4))
	n, nrights, _, _, err := c.control.ReadMsgUnix(text, rights)
	if err == nil && n == 0 {
		err = errors.New("it has ended; does TestMain call pivtest.Main?")
	}
	if err != nil {
		return nil, fmt.Errorf("asking the stack's process: %w", err)
	}
	if failure := strings.TrimSuffix(string(text[:n]), "\n"); failure != "" {
		return nil, errors.New(failure)
	}
	return passedFile(rights[:nrights])
}

// end ends the process: its parent seems to have ended, and pcscd ends with it. How does not matter.
func (c *child) end() {
	if c.control != nil {
		c.control.Close()
	}
	if c.process != nil && c.process.ProcessState == nil {
		c.process.Wait()
	}
}

// passedFile takes a file out of a control message; nil where there is none.
func passedFile(rights []byte) (*os.File, error) {
	// One message with one descriptor, see keeper.answer.
	messages, err := syscall.ParseSocketControlMessage(rights)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return nil, err
	}
	syscall.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "reader"), nil
}

// Socket is the path of pcscd's socket, for PCSCLITE_CSOCK_NAME.
func (s *Stack) Socket() string { return filepath.Join(s.directory, "run", "pcscd.comm") }

// socketVariable tells libpcsclite where pcscd is.
const socketVariable = "PCSCLITE_CSOCK_NAME"

// Env is the environment of this process with the stack as its PC/SC.
func (s *Stack) Env() []string { return append(os.Environ(), socketVariable+"="+s.Socket()) }

// Use makes the stack this process's own PC/SC until the test ends.
func (s *Stack) Use(t testing.TB) {
	t.Helper()
	t.Setenv(socketVariable, s.Socket())
}

// Connect connects a client to pcscd.
func (s *Stack) Connect() (*Client, error) { return dialClient(s.Socket()) }

// Readers returns the readers as pcscd shows them.
func (s *Stack) Readers() ([]Reader, error) {
	c, err := s.Connect()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Readers()
}

// Close ends the stack: the cards lose their readers, and pcscd and its namespaces
// are gone when it returns.
func (s *Stack) Close() error {
	for reader := range s.slots {
		s.unplug(reader)
	}
	s.child.end()
	s.serving.Wait()
	return os.RemoveAll(s.directory)
}
