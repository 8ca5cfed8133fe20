//go:build cgo && linux

package hsmtest

import (
	"bufio"
	"errors"
	"fmt"
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
	withModule(t, k, func(p *pkcs11.Ctx) { k.Slot = slotOf(t, p, k) })
	return k
}

// TPM returns the path of tpm2-pkcs11.
func TPM(t testing.TB) string {
	t.Helper()
	return Library(t, "tpm2",
		"/usr/lib/x86_64-linux-gnu/libtpm2_pkcs11.so.1",
		"/usr/lib/aarch64-linux-gnu/libtpm2_pkcs11.so.1",
		"/usr/lib64/pkcs11/libtpm2_pkcs11.so")
}

// NewTPMToken returns a token of tpm2-pkcs11 on a TPM simulator of its own.
func NewTPMToken(t testing.TB) *Token {
	t.Helper()
	module := TPM(t)
	port := startSimulator(t, Tool(t, "tpm2", "swtpm"))
	// The store holds the token's keys, wrapped by this one simulator: it must be
	// neither the machine's nor that of another test.
	t.Setenv("TPM2_PKCS11_STORE", t.TempDir())
	t.Setenv("TPM2_PKCS11_TCTI", fmt.Sprintf("swtpm:host=127.0.0.1,port=%d", port))
	// The TPM's libraries write an error of their own for each refused PIN.
	t.Setenv("TSS2_LOG", "all+NONE")
	return InitToken(t, module, "test")
}

// ForeignTPM puts another TPM in the place of the one that NewTPMToken has made its token on, as a TPM
// that was cleared is, and that of another machine.
func ForeignTPM(t testing.TB) {
	t.Helper()
	t.Setenv("TPM2_PKCS11_TCTI", fmt.Sprintf("swtpm:host=127.0.0.1,port=%d", startSimulator(t, Tool(t, "tpm2", "swtpm"))))
}

// ClearTPM has the TPM forget its keys, as its set-up in the firmware or its owner does.
func ClearTPM(t testing.TB) {
	t.Helper()
	output, err := exec.Command(Tool(t, "tpm2", "tpm2_clear"), "--tcti", os.Getenv("TPM2_PKCS11_TCTI"), "--auth-hierarchy", "lockout").CombinedOutput()
	if err != nil {
		t.Fatalf("clearing the TPM: %v\n%s", err, output)
	}
}

// startSimulator starts a TPM simulator on a free port, and its control channel on
// the port above, where clients expect it. Others may take a port between the look
// and the start; then it looks again.
func startSimulator(t testing.TB, swtpm string) (port int) {
	t.Helper()
	// One directory for all tries: a simulator that ended at once wrote nothing there.
	state := t.TempDir()
	for range 100 {
		port = freePorts(t)
		if listens(t, exec.Command(swtpm, "socket", "--tpm2", "--tpmstate", "dir="+state, "--flags", "not-need-init,startup-clear",
			"--server", fmt.Sprintf("type=tcp,port=%d", port), "--ctrl", fmt.Sprintf("type=tcp,port=%d", port+1))) {
			return port
		}
	}
	t.Fatal("the TPM simulator finds no port")
	return 0
}

// listens starts a simulator and waits until it either listens, which it tells by
// writing its process id, or has ended.
func listens(t testing.TB, simulator *exec.Cmd) bool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pid")
	check(t, "making a pipe", syscall.Mkfifo(path, 0o600))
	// For writing too, so that opening waits for nobody (fifo(7)).
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, "opening the pipe", err)
	simulator.Args = append(simulator.Args, "--pid", "file="+path)
	// A test that is killed runs no Cleanup.
	simulator.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	check(t, simulator.Path, simulator.Start())
	ended := make(chan struct{})
	go func() {
		simulator.Wait()
		pipe.WriteString("ended")
		close(ended)
	}()
	t.Cleanup(func() {
		simulator.Process.Kill()
		<-ended
		pipe.Close()
	})
	said := make([]byte, 16)
	n, err := pipe.Read(said)
	check(t, "reading the pipe", err)
	return !strings.HasPrefix(string(said[:n]), "ended")
}

// freePorts returns a port that nobody listens on, nor on the one above.
func freePorts(t testing.TB) int {
	t.Helper()
	for {
		lower, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, "listening", err)
		port := lower.Addr().(*net.TCPAddr).Port
		// While the lower is still held, so that the pair is free at one moment.
		upper, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		lower.Close()
		if err == nil {
			upper.Close()
			return port
		}
	}
}

// start starts a program that ends with the test, or with the test's process if that
// is killed.
func start(t testing.TB, program *exec.Cmd) {
	t.Helper()
	// Shown with the test's own output, where a program that does not start says why.
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
	// Verbose, because only so does a skipped test say that it was.
	again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), namespaceVariable+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{
		// The process ids end the daemon with the test: it detaches itself, and would
		// outlive any other bond.
		Cloneflags: syscall.CLONE_NEWPID,
		// openCryptoki finds its daemon by System V memory, which is the machine's.
		Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC,
		Pdeathsig:    syscall.SIGKILL,
	}
	output, err := again.CombinedOutput()
	// Root in a container has the name and not the right.
	if errors.Is(err, syscall.EPERM) {
		Missing(t, lane, "the right to make namespaces (CAP_SYS_ADMIN)")
	}
	if err != nil {
		t.Errorf("in its namespaces: %v\n%s", err, output)
	}
	if strings.Contains(string(output), "--- SKIP") {
		t.Skipf("in its namespaces:\n%s", output)
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
	// The machine's own tokens, and its daemon if one runs, are out of sight now.
	for _, place := range openCryptokiPlaces {
		check(t, "mounting over "+place, syscall.Mount("tmpfs", place, "tmpfs", 0, "mode=0755"))
	}
	// What its package makes at installation, and the daemon does not make itself.
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
