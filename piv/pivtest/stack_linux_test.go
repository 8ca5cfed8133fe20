package pivtest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Main()
	m.Run()
}

// echo is a card of no application: it answers each command with its own bytes.
type echo struct{ powered chan struct{} }

// ATR offers T=1 alone (ISO 7816-3 section 8.2).
func (*echo) ATR() []byte { return []byte{0x3B, 0x80, 0x01, 0x81} }

// PowerUp tells the test, where it listens.
func (e *echo) PowerUp() {
	select {
	case e.powered <- struct{}{}:
	default:
	}
}

// Transmit adds the status word that a card answers with.
func (*echo) Transmit(command []byte) []byte { return append(bytes.Clone(command), 0x90, 0x00) }

// frozen is a card that answers nothing until it is thawed.
type frozen struct {
	echo
	asked, thawed chan struct{}
	once          sync.Once
}

func newFrozen() *frozen {
	return &frozen{asked: make(chan struct{}, 1), thawed: make(chan struct{})}
}

// Transmit tells the test that it is called, and waits.
func (f *frozen) Transmit([]byte) []byte {
	f.asked <- struct{}{}
	<-f.thawed
	return []byte{0x90, 0x00}
}

func (f *frozen) Thaw() { f.once.Do(func() { close(f.thawed) }) }

// mustConnect connects a client to a card.
func mustConnect(t *testing.T, stack *Stack, reader int, exclusive bool) *Client {
	t.Helper()
	client, err := stack.ConnectCard(reader, exclusive)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// wantReaders compares which readers have a card.
func wantReaders(t *testing.T, stack *Stack, want ...bool) {
	t.Helper()
	found, err := stack.Readers()
	if err != nil || len(found) != len(want) {
		t.Fatalf("readers %+v, %v; want %d", found, err, len(want))
	}
	for i, reader := range found {
		if reader.Present != want[i] || reader.Present != (len(reader.ATR) > 0) {
			t.Errorf("reader %q: present %v with ATR %X, want %v", reader.Name, reader.Present, reader.ATR, want[i])
		}
	}
}

func TestStackCarriesAPDUs(t *testing.T) {
	t.Parallel()
	stack := NewStack(t)
	stack.Insert(1, &echo{})
	client := mustConnect(t, stack, 1, false)
	// More than one segment of TCP on the loopback interface does not fit an APDU;
	// that frames come in pieces is for TestFramesInPieces.
	for _, size := range []int{5, 255, 5000, 60000} {
		command := bytes.Repeat([]byte{0x55}, size)
		answer, err := client.Transmit(command)
		if err != nil || !bytes.Equal(answer, append(command, 0x90, 0x00)) {
			t.Errorf("%d bytes: answer of %d, %v", size, len(answer), err)
		}
	}
}

// Insert and Pull return when pcscd, and so every client, sees what they did.
func TestStackReaders(t *testing.T) {
	t.Parallel()
	stack := NewStack(t)
	wantReaders(t, stack, false, false)
	found, err := stack.Readers()
	if err != nil || found[0].Name != defaultReader+" 00 00" || found[1].Name != defaultReader+" 00 01" {
		t.Errorf("readers %+v, %v", found, err)
	}
	cards := [readers]echo{}
	stack.Insert(0, &cards[0])
	wantReaders(t, stack, true, false)
	stack.Insert(1, &cards[1])
	wantReaders(t, stack, true, true)
	stack.Pull(0)
	wantReaders(t, stack, false, true)
	// Another card, in the same reader.
	stack.Insert(0, &cards[0])
	wantReaders(t, stack, true, true)
}

func TestStackWithoutReaders(t *testing.T) {
	t.Parallel()
	wantReaders(t, NewStackWith(t, StackOptions{NoReaders: true}))
}

func TestStackRefusesNonsense(t *testing.T) {
	t.Parallel()
	stack := NewStack(t)
	// Not the test's error: it is what is wanted here.
	stack.report = func(err error) error { return err }
	if err := stack.Pull(0); err == nil || err.Error() != "reader 0 has no card" {
		t.Errorf("pulling from an empty reader: %v", err)
	}
	stack.Insert(0, &echo{})
	if err := stack.Insert(0, &echo{}); err == nil || err.Error() != "reader 0 has a card already" {
		t.Errorf("a second card: %v", err)
	}
	if err := stack.StartDaemon(); err == nil || err.Error() != "pcscd runs already" {
		t.Errorf("a second pcscd: %v", err)
	}
	if _, err := stack.Hold(1, true); err == nil || !strings.Contains(err.Error(), "(8010") {
		t.Errorf("holding the card of an empty reader: %v", err)
	}
}

// Not parallel, for the environment.
func TestStackInLongDirectory(t *testing.T) {
	directory := filepath.Join(t.TempDir(), strings.Repeat("d", 100))
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", directory)
	if _, err := StartStack(t.Context(), StackOptions{}); err == nil || !errors.Is(err, ErrMissing) && !strings.Contains(err.Error(), "set TMPDIR to a shorter directory") {
		t.Errorf("error %v, want one of the socket's path", err)
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFindParts(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, c := range []struct{ add, want string }{
		{"usr/bin/other", "no PC/SC stack of its own: pcscd is not installed (package pcscd)"},
		{"usr/sbin/pcscd", "no PC/SC stack of its own: vpcd, the virtual reader, is not installed (package vsmartcard-vpcd)"},
		{"usr/lib/riscv64-linux-gnu/pcsc/drivers/serial/libifdvpcd.so", ""},
	} {
		path := filepath.Join(root, c.add)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		task, err := findParts(root)
		if c.want != "" && (err == nil || err.Error() != c.want || !errors.Is(err, ErrMissing)) {
			t.Errorf("with %s: %v, want %q", c.add, err, c.want)
		}
		if c.want == "" && (err != nil || task.Driver != path) {
			t.Errorf("with %s: %+v, %v", c.add, task, err)
		}
	}
}

// A daemon that is killed leaves its files, and one that is stopped does not; cards
// are where they were when it is back.
func TestStackDaemonRestarts(t *testing.T) {
	t.Parallel()
	stack := NewStack(t)
	card := &echo{}
	stack.Insert(0, card)
	for _, end := range []func() error{stack.KillDaemon, stack.StopDaemon} {
		end()
		if c, err := stack.Connect(); err == nil {
			c.Close()
			t.Fatal("a client connects to a pcscd that has ended")
		}
		stack.StartDaemon()
		wantReaders(t, stack, true, false)
		if _, err := mustConnect(t, stack, 0, false).Transmit([]byte{0, 1, 2, 3}); err != nil {
			t.Error(err)
		}
	}
	stack.StopDaemon()
	stack.Pull(0)
	stack.Insert(1, card)
	stack.StartDaemon()
	wantReaders(t, stack, false, true)
}

// A card that answers nothing blocks its client until it is pulled, and does not block others.
func TestStackFrozenCard(t *testing.T) {
	t.Parallel()
	stack := NewStack(t)
	card := newFrozen()
	stack.Insert(0, card)
	stack.Insert(1, &echo{})
	client := mustConnect(t, stack, 0, false)
	failed := make(chan error, 1)
	go func() {
		_, err := client.Transmit([]byte{0, 1, 2, 3})
		failed <- err
	}()
	<-card.asked
	if _, err := mustConnect(t, stack, 1, false).Transmit([]byte{0, 1, 2, 3}); err != nil {
		t.Errorf("the card in the other reader: %v", err)
	}
	wantReaders(t, stack, true, true)
	stack.Pull(0)
	// SCARD_E_NOT_TRANSACTED (pcsclite.h).
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "(80100016)") {
		t.Errorf("after pulling the card: %v", err)
	}
}

// A card that is pulled at the PIN leaves its client without an answer, whether it has
// counted the PIN or not.
func TestStackPulledAtThePIN(t *testing.T) {
	t.Parallel()
	stack := NewStack(t)
	pulled := make(chan struct{})
	pull := func() { stack.Pull(0); pulled <- struct{}{} }
	for name, test := range map[string]struct {
		fault Fault
		wrong int
	}{
		"before it": {Fault{INS: insVerify, WithData: true, Before: pull, SW: swFailed}, 0},
		"after it":  {Fault{INS: insVerify, WithData: true, After: pull}, 1},
	} {
		card := newTestCard(t, Options{})
		card.Inject(test.fault)
		stack.Insert(0, card)
		client := mustConnect(t, stack, 0, false)
		for _, command := range []string{hexSelect, hexQuery} {
			if _, err := client.Transmit(unhex(t, command)); err != nil {
				t.Fatal(err)
			}
		}
		// SCARD_E_NOT_TRANSACTED (pcsclite.h).
		if answer, err := client.Transmit(unhex(t, hexWrongPIN)); err == nil || !strings.Contains(err.Error(), "(80100016)") {
			t.Errorf("%s: answer %x, %v", name, answer, err)
		}
		<-pulled
		eventually(t, "the command has ended", func() bool {
			commands := card.Commands()
			return commands[len(commands)-1].Length == 8
		})
		if card.WrongPINs() != test.wrong || card.PINTriesLeft() != 3-test.wrong {
			t.Errorf("%s: %d wrong PINs, %d tries left", name, card.WrongPINs(), card.PINTriesLeft())
		}
		wantReaders(t, stack, false, false)
	}
}

// A client may reset a card that was pulled, before pcscd has noticed; it shows the
// reader empty then, and misses the next card unless that comes later.
func TestStackPulledCardIsReset(t *testing.T) {
	t.Parallel()
	stack := NewStack(t)
	card := newFrozen()
	stack.Insert(0, card)
	client := mustConnect(t, stack, 0, false)
	reset := make(chan error, 1)
	go func() {
		client.Transmit([]byte{0, 1, 2, 3})
		reset <- client.Disconnect(ResetCard)
	}()
	<-card.asked
	stack.Pull(0)
	if err := <-reset; err != nil {
		t.Error(err)
	}
	stack.Insert(0, &echo{})
	wantReaders(t, stack, true, false)
}

// A stack can be closed while a card is frozen, and twice.
func TestStackClosesOverFrozenCard(t *testing.T) {
	t.Parallel()
	stack := NewStack(t)
	card := newFrozen()
	stack.Insert(0, card)
	client := mustConnect(t, stack, 0, false)
	go client.Transmit([]byte{0, 1, 2, 3})
	<-card.asked
	for range 2 {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(stack.directory); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the stack's directory: %v", err)
	}
}

func TestStackHold(t *testing.T) {
	t.Parallel()
	stack := NewStack(t)
	card := &echo{powered: make(chan struct{}, 1)}
	stack.Insert(0, card)
	release, _ := stack.Hold(0, true)
	if _, err := stack.ConnectCard(0, false); !errors.Is(err, resultSharingViolation) {
		t.Errorf("connecting to a card that is held: %v", err)
	}
	for len(card.powered) > 0 {
		<-card.powered
	}
	release()
	// pcscd resets a card whose client went away without a word.
	select {
	case <-card.powered:
	case <-time.After(30 * time.Second):
		t.Error("the card was not reset")
	}
	// A program that has it is waited for.
	release, _ = stack.Hold(0, true)
	time.AfterFunc(100*time.Millisecond, release)
	release, _ = stack.Hold(0, false)
	release()
}

// A card that is left keeps its state; one that is reset does not.
func TestClientDispositions(t *testing.T) {
	t.Parallel()
	stack := NewStack(t)
	card := &echo{powered: make(chan struct{}, 1)}
	stack.Insert(0, card)
	for _, disposition := range []uint32{LeaveCard, ResetCard} {
		client := mustConnect(t, stack, 0, true)
		if err := client.Begin(); err != nil {
			t.Error(err)
		}
		for len(card.powered) > 0 {
			<-card.powered
		}
		if err := client.Disconnect(disposition); err != nil {
			t.Error(err)
		}
		if reset := len(card.powered) > 0; reset != (disposition == ResetCard) {
			t.Errorf("disposition %d: reset %v", disposition, reset)
		}
	}
}

// roleVariable has a test run in a process of its own, in the role that it names.
const roleVariable = "PIVTEST_ROLE"

// inRole returns the command that runs the test once more, in a role.
func inRole(t *testing.T, role string) *exec.Cmd {
	t.Helper()
	// By this name an ordinary user may run it too, wherever the binary is.
	again := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), roleVariable+"="+role)
	again.Stderr = os.Stderr
	return again
}

// TestStackEndsWithItsProcess kills the process of a stack.
func TestStackEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	if os.Getenv(roleVariable) != "" {
		stack := NewStack(t)
		stack.Insert(0, &echo{})
		os.Stdout.WriteString("directory " + stack.directory + "\n")
		// Until it is killed, or the test that was to do it has ended.
		io.Copy(io.Discard, os.Stdin)
		return
	}
	again := inRole(t, "victim")
	if _, err := again.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := again.StdoutPipe()
	if err == nil {
		err = again.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		again.Process.Kill()
		again.Wait()
	})
	t.Cleanup(end)
	directory := ""
	for lines := bufio.NewScanner(output); directory == "" && lines.Scan(); {
		if strings.Contains(lines.Text(), "--- SKIP") {
			t.Skip("the stack cannot be started")
		}
		_, directory, _ = strings.Cut(lines.Text(), "directory ")
	}
	daemon := daemonOf(t, directory)
	end()
	eventually(t, "the directory is gone", func() bool {
		_, err := os.Stat(directory)
		return errors.Is(err, fs.ErrNotExist)
	})
	eventually(t, "pcscd is gone", func() bool { return errors.Is(syscall.Kill(daemon, 0), syscall.ESRCH) })
}

// daemonOf returns the process id of a stack's pcscd.
func daemonOf(t *testing.T, directory string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(directory, "run", "pcscd.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(strings.TrimRight(string(text), "\x00")))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// eventually waits for a condition that comes by itself.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(60 * time.Second)
	for !holds() {
		select {
		case <-ticker.C:
		case <-timeout:
			t.Fatalf("not yet: %s", what)
		}
	}
}

// TestStackOfAnOrdinaryUser starts a stack without root's rights.
func TestStackOfAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		stack := NewStack(t)
		stack.Insert(0, &echo{})
		wantReaders(t, stack, true, false)
		return
	}
	again := inRole(t, "user")
	// nobody's, on most systems; it need not exist.
	again.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	again.Stderr = nil
	again.Dir = "/"
	output, err := again.CombinedOutput()
	if err != nil {
		t.Errorf("as an ordinary user: %v\n%s", err, output)
	}
	if strings.Contains(string(output), "--- SKIP") {
		t.Skipf("as an ordinary user:\n%s", output)
	}
}
