//go:build cgo && linux

package hsmtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/pkcs11"
)

// P11Kit puts p11-kit's server in front of the token, and returns the token as
// p11-kit-client.so shows it, over a unix socket. query goes behind the address
// of the token that the server offers, such as "?write-protected=yes".
func (k *Token) P11Kit(t testing.TB, query string) *Token {
	t.Helper()
	client := Library(t, "p11kit",
		"/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so",
		"/usr/lib/aarch64-linux-gnu/pkcs11/p11-kit-client.so",
		"/usr/lib64/pkcs11/p11-kit-client.so")
	socket := filepath.Join(t.TempDir(), "p11-kit")
	server := exec.Command(Tool(t, "p11kit", "p11-kit"), "server", "--foreground", "--sh",
		"--name", socket, "--provider", k.Module, "pkcs11:token="+k.Label+query)
	output, err := server.StdoutPipe()
	check(t, "p11-kit server", err)
	start(t, server)
	// The server says its address as soon as it listens.
	line, err := bufio.NewReader(output).ReadString('\n')
	check(t, "p11-kit server", err)
	if !strings.Contains(line, socket) {
		t.Fatalf("p11-kit server says %q", line)
	}
	t.Setenv("P11_KIT_SERVER_ADDRESS", "unix:path="+socket)
	return k.Through(client).find(t)
}

// find looks the token up in its module, where its slot is another.
func (k *Token) find(t testing.TB) *Token {
	t.Helper()
	withModule(t, k.Module, func(p *pkcs11.Ctx) { k.Slot = slotOf(t, p, k) })
	return k
}

// NewTPMToken returns a token of tpm2-pkcs11 on a TPM simulator of its own.
func NewTPMToken(t testing.TB) *Token {
	t.Helper()
	module := Library(t, "tpm2",
		"/usr/lib/x86_64-linux-gnu/libtpm2_pkcs11.so.1",
		"/usr/lib/aarch64-linux-gnu/libtpm2_pkcs11.so.1",
		"/usr/lib64/pkcs11/libtpm2_pkcs11.so")
	swtpm := Tool(t, "tpm2", "swtpm")
	data, ctrl := consecutive(t)
	dataEnd, ctrlEnd := forward(t, data), forward(t, ctrl)
	simulator := exec.Command(swtpm, "socket", "--tpm2", "--tpmstate", "dir="+t.TempDir(),
		"--server", "type=tcp,fd=3", "--ctrl", "type=unixio,clientfd=4", "--flags", "not-need-init,startup-clear")
	simulator.ExtraFiles = []*os.File{dataEnd, ctrlEnd}
	start(t, simulator)
	t.Setenv("TPM2_PKCS11_STORE", t.TempDir())
	t.Setenv("TPM2_PKCS11_TCTI", fmt.Sprintf("swtpm:host=127.0.0.1,port=%d", data.Addr().(*net.TCPAddr).Port))
	t.Setenv("TSS2_LOG", "all+NONE")
	return InitToken(t, module, "test")
}

// consecutive listens on a free port and the one above it: the simulator's
// clients expect its control channel there.
func consecutive(t testing.TB) (lower, upper net.Listener) {
	t.Helper()
	for {
		lower, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, "listening", err)
		above := lower.Addr().(*net.TCPAddr).Port + 1
		if upper, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", above)); err == nil {
			return lower, upper
		}
		lower.Close()
	}
}

// forward passes on what clients of the listener, one after the other, exchange
// with the file it returns. The simulator so inherits channels that are open, and
// nobody waits for it to open ports.
func forward(t testing.TB, listener net.Listener) *os.File {
	t.Helper()
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	check(t, "making a pair of sockets", err)
	theirs := os.NewFile(uintptr(ends[1]), "theirs")
	file := os.NewFile(uintptr(ends[0]), "ours")
	ours, err := net.FileConn(file)
	check(t, "using a pair of sockets", err)
	file.Close()
	t.Cleanup(func() { listener.Close(); ours.Close(); theirs.Close() })
	clients := make(chan net.Conn, 1)
	go accept(listener, ours, clients)
	go answer(ours, clients)
	return theirs
}

// accept passes on requests, and says in clients who sends them.
func accept(listener net.Listener, to io.Writer, clients chan net.Conn) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		select {
		case <-clients: // the one before
		default:
		}
		clients <- client
		io.Copy(to, client)
	}
}

// answer passes answers on to the client of the time.
func answer(from io.Reader, clients chan net.Conn) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		client := <-clients
		client.Write(buffer[:n])
		select {
		case clients <- client:
		default: // there is a new one
		}
	}
}

// start starts a program that ends with the test.
func start(t testing.TB, program *exec.Cmd) {
	t.Helper()
	program.Stderr = os.Stderr
	program.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	check(t, program.Path, program.Start())
	t.Cleanup(func() {
		program.Process.Kill()
		program.Wait()
	})
}

// openCryptokiPlaces are the directories that openCryptoki writes to.
var openCryptokiPlaces = []string{"/var/lib/opencryptoki", "/run", "/dev/shm"}

// namespaceVariable is set in the environment of a test that runs in namespaces
// of its own.
const namespaceVariable = "HSMTEST_NAMESPACE"

// InNamespace runs the test that calls it once more, in a process with its own
// mounts, System V memory and process ids, and reports false; in that process it reports true.
// It needs root.
func InNamespace(t testing.TB, lane string) bool {
	t.Helper()
	if os.Getenv(namespaceVariable) != "" {
		return true
	}
	if os.Getuid() != 0 {
		Missing(t, lane, "the right to make namespaces (root)")
	}
	again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), namespaceVariable+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC,
		Pdeathsig:    syscall.SIGKILL,
	}
	output, err := again.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		Missing(t, lane, "the right to make namespaces (CAP_SYS_ADMIN)")
	}
	if err != nil {
		t.Errorf("in its namespaces: %v\n%s", err, output)
	}
	return false
}

// OpenCryptoki returns the path of openCryptoki's module, whose daemon does not
// run. It hides the machine's directories, so it must run InNamespace.
func OpenCryptoki(t testing.TB) string {
	t.Helper()
	module := Library(t, "opencryptoki",
		"/usr/lib/x86_64-linux-gnu/opencryptoki/libopencryptoki.so.0",
		"/usr/lib/aarch64-linux-gnu/opencryptoki/libopencryptoki.so.0",
		"/usr/lib64/opencryptoki/libopencryptoki.so.0")
	for _, place := range openCryptokiPlaces {
		check(t, "mounting over "+place, syscall.Mount("tmpfs", place, "tmpfs", 0, "mode=0755"))
	}
	for _, directory := range []string{"/run/opencryptoki", "/run/lock/opencryptoki/swtok", "/var/lib/opencryptoki/swtok/TOK_OBJ"} {
		check(t, "making "+directory, os.MkdirAll(directory, 0o770))
	}
	return module
}

// NewOpenCryptokiToken returns a software token of openCryptoki, whose daemon it
// starts, InNamespace.
func NewOpenCryptokiToken(t testing.TB) *Token {
	t.Helper()
	module := OpenCryptoki(t)
	daemon := exec.Command(Tool(t, "opencryptoki", "pkcsslotd"))
	// The daemon returns once its slots are there, and leaves a process behind, which
	// ends with the namespace.
	if output, err := daemon.CombinedOutput(); err != nil {
		t.Fatalf("pkcsslotd: %v\n%s", err, output)
	}
	return InitToken(t, module, "test")
}
