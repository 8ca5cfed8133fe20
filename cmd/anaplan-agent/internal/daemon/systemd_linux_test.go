package daemon

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/roomtest"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/google/go-cmp/cmp"
)

// patient bounds what a test waits for that always comes.
const patient = 2 * time.Minute

func TestSupervisor(t *testing.T) {
	systemd := roomtest.ListenAsSystemd(t)
	var s supervisor
	s.ready("3 profiles")
	s.status("2 profiles are healthy\nREADY=1")
	s.reloading()
	s.stopping()
	var got []string
	for range 4 {
		got = append(got, systemd.Next(t))
	}
	want := []string{"READY=1\nSTATUS=3 profiles", "STATUS=2 profiles are healthy READY=1", "RELOADING=1", "STOPPING=1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestSupervisorWithoutSystemd(t *testing.T) {
	var s supervisor
	t.Setenv("WATCHDOG_USEC", "")
	for _, path := range []string{"", "/nowhere/notify"} {
		t.Setenv("NOTIFY_SOCKET", path)
		s.ready("")
		s.status("")
		s.reloading()
		s.stopping()
		// It returns, since nobody watches.
		s.watch(t.Context(), func() bool { t.Error("health was asked for"); return true })
	}
}

func TestWatchdogSettings(t *testing.T) {
	for _, test := range []struct{ usec, pid string }{{"soon", ""}, {"-1", ""}, {"1000", "1"}, {"1000", "x"}} {
		t.Setenv("WATCHDOG_USEC", test.usec)
		t.Setenv("WATCHDOG_PID", test.pid)
		supervisor{}.watch(t.Context(), func() bool { t.Errorf("%v: health was asked for", test); return true })
	}
}

// TestWatchdog has an agent that is ill at first: nothing is told before it is well.
func TestWatchdog(t *testing.T) {
	systemd := roomtest.ListenAsSystemd(t)
	t.Setenv("WATCHDOG_USEC", "2000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	ctx, cancel := context.WithCancel(t.Context())
	calls, done := 0, make(chan struct{})
	go func() {
		defer close(done)
		supervisor{}.watch(ctx, func() bool {
			if calls++; calls <= 3 {
				notify("ill") // a mark of when it was asked
				return false
			}
			return true
		})
	}()
	for _, want := range []string{"ill", "ill", "ill", "WATCHDOG=1", "WATCHDOG=1"} {
		if got := systemd.Next(t); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	cancel()
	<-done
}

// childVariable makes TestInheritedChild do something.
const childVariable = "ANAPLAN_AGENT_TEST_CHILD"

// TestInheritedChild is not a test but the program that systemd-socket-activate starts. It
// prints what it got, serves one caller, and ends.
func TestInheritedChild(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		return
	}
	defer os.Exit(0)
	listener, err := inheritedListener()
	if err != nil || listener == nil {
		fmt.Println("got:", listener, err)
		return
	}
	again, err := inheritedListener()
	fmt.Printf("got: %s, then %v %v, LISTEN_FDS=%q\n", listener.Addr(), again, err, os.Getenv("LISTEN_FDS"))
	conn, err := listener.Accept()
	if err != nil {
		fmt.Println("accepting:", err)
		return
	}
	defer conn.Close()
	fmt.Fprintln(conn, "hello")
}

// activate starts this test's binary by systemd-socket-activate, which waits for a first
// caller, and returns what the binary prints.
func activate(t *testing.T, path string, flags ...string) (printed func() string) {
	t.Helper()
	tool := hsmtest.Tool(t, "systemd", "systemd-socket-activate")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	words := append(flags, "--listen="+path, "-E", childVariable, self, "-test.run=^TestInheritedChild$")
	cmd := exec.Command(tool, words...)
	cmd.Env = append(os.Environ(), childVariable+"=yes")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(patient, func() { cmd.Process.Kill() })
	t.Cleanup(func() {
		kill.Stop()
		cmd.Process.Kill()
		cmd.Wait()
	})
	awaitLine(t, stderr, "Listening on "+path)
	return func() string {
		// With --accept it serves for ever, so only the line is read.
		line, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil {
			t.Fatalf("%q, %v", line, err)
		}
		return strings.TrimPrefix(strings.TrimSpace(line), "got: ")
	}
}

// awaitLine reads up to a line that begins in this way, and lets the rest pass.
func awaitLine(t *testing.T, from io.Reader, begin string) {
	t.Helper()
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), begin) {
			go io.Copy(io.Discard, from)
			return
		}
	}
	t.Fatalf("it did not say %q", begin)
}

func TestInheritedListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	printed := activate(t, path)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patient))
	answer, err := io.ReadAll(conn)
	if err != nil || string(answer) != "hello\n" {
		t.Errorf("got %q, %v", answer, err)
	}
	if got, want := printed(), path+`, then <nil> <nil>, LISTEN_FDS=""`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// The path is systemd's: the next start of the agent needs it.
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestInheritedListenerRefusals(t *testing.T) {
	tests := []struct {
		name, network string
		flags         func(dir string) []string
		want          string
	}{
		{"two", "unix", func(dir string) []string { return []string{"--listen=" + dir + "/second"} }, "leave one ListenStream= in the socket unit"},
		{"datagrams", "unixgram", func(string) []string { return []string{"--datagram"} }, "is not a stream socket; write ListenStream= in the socket unit"},
		{"packets", "unixpacket", func(string) []string { return []string{"--seqpacket"} }, "is not a stream socket; write ListenStream= in the socket unit"},
		{"connection", "unix", func(string) []string { return []string{"--accept"} }, "write Accept=no in the socket unit"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "agent.sock")
			printed := activate(t, path, test.flags(dir)...)
			conn, err := net.Dial(test.network, path)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintln(conn, "hello") // datagrams know no other sign of a caller
			if got := printed(); !strings.HasPrefix(got, "<nil> ") || !strings.HasSuffix(got, test.want) {
				t.Errorf("got  %s\nwant ...%s", got, test.want)
			}
		})
	}
}

// TestListenerOf is what systemd-socket-activate does not pass.
func TestListenerOf(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := listenerOf(file); err == nil || !strings.HasPrefix(err.Error(), "systemd has passed something that is not a socket") {
		t.Errorf("of a file: %v", err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	socket, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if _, err := listenerOf(socket); err == nil || !strings.Contains(err.Error(), "write ListenStream=/PATH") {
		t.Errorf("of TCP: %v", err)
	}
}

func TestNoListener(t *testing.T) {
	t.Setenv("LISTEN_PID", "1") // somebody else's
	t.Setenv("LISTEN_FDS", "1")
	if listener, err := inheritedListener(); listener != nil || err != nil {
		t.Errorf("got %v, %v", listener, err)
	}
}
