package local_test

import (
	"crypto/rand"
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// place returns where an agent can listen.
func place(testing.TB) string { return `\\.\pipe\anaplan-agent-test-` + rand.Text() }

// listenAt listens on a pipe whose owner and list are given. Under Wine the first client of a pipe gets
// the instance that holds its name, which on Windows nobody can connect to; so one is there already.
func listenAt(t testing.TB, pipe, descriptor string) net.Listener {
	t.Helper()
	listener, err := winio.ListenPipe(pipe, &winio.PipeConfig{SecurityDescriptor: descriptor, InputBufferSize: 1 << 16, OutputBufferSize: 1 << 16})
	if errors.Is(err, windows.ERROR_INVALID_OWNER) {
		t.Skip("only who has SeRestorePrivilege can make a pipe of somebody else's")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		conn, err := local.Dial(t.Context(), pipe)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	return listener
}

// listen listens where agents do.
func listen(t testing.TB, pipe string) net.Listener {
	t.Helper()
	return listenAt(t, pipe, "O:"+local.Self()+"D:P(A;;GA;;;"+local.Self()+")")
}

// TestPeerOf: Windows tells who has opened a pipe.
func TestPeerOf(t *testing.T) {
	pipe := place(t)
	listener := listenAt(t, pipe, "O:"+local.Self()+"D:P(A;;GA;;;"+local.Self()+")")
	accepted := make(chan net.Conn)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- conn
	}()
	client, err := local.Dial(t.Context(), pipe)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn := <-accepted
	defer conn.Close()
	peer, err := local.PeerOf(conn)
	if err != nil || peer.User() != local.Self() || peer.UID != local.Nobody || peer.PID != os.Getpid() || !local.IsRootOrSelf(peer) {
		t.Errorf("got %+v, %v", peer, err)
	}
	if len(peer.SIDs) == 0 || !peer.InGroup(peer.SIDs[0]) || peer.InGroup("0") || peer.InGroup("") {
		t.Errorf("the groups are %q", peer.SIDs)
	}
	if self, err := os.Executable(); err != nil || !strings.EqualFold(peer.Executable(), self) {
		t.Errorf("the program is %q", peer.Executable())
	}
	if _, err := local.PeerOf(&net.TCPConn{}); err == nil {
		t.Error("a peer over TCP is known")
	}
}

// TestPlantedPipe: an agent that anybody else has made is not spoken to, for it would be sent PINs.
func TestPlantedPipe(t *testing.T) {
	const other = "S-1-5-21-1-2-3-1001"
	for owner, trusted := range map[string]bool{local.Self(): true, "S-1-5-18": true, "S-1-5-32-544": true, local.ServiceSID("anaplan-agent"): true, other: false, local.ServiceSID("other"): false, "S-1-1-0": false} {
		t.Run(owner, func(t *testing.T) {
			pipe := place(t)
			listener := listenAt(t, pipe, "O:"+owner+"D:P(A;;GA;;;WD)")
			go func() {
				for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
					defer conn.Close()
				}
			}()
			err := local.CheckServer(pipe)
			if (err == nil) != trusted {
				t.Fatalf("got %v", err)
			}
			if trusted {
				return
			}
			client := local.NewClient(pipe)
			defer client.Close()
			if _, err := client.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "not spoken to") || !strings.Contains(err.Error(), owner) && owner != "S-1-1-0" {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestSandboxed: what a program of low integrity has made is not its user's for that.
func TestSandboxed(t *testing.T) {
	for text, want := range map[string]bool{
		"O:SYD:P(A;;GA;;;WD)":                          false,
		"O:SYD:P(A;;GA;;;WD)S:(ML;;NW;;;S-1-16-8192)":  false, // medium
		"O:SYD:P(A;;GA;;;WD)S:(ML;;NW;;;S-1-16-12288)": false, // high: an administrator's
		"O:SYD:P(A;;GA;;;WD)S:(ML;;NW;;;S-1-16-4096)":  true,  // low
		"O:SYD:P(A;;GA;;;WD)S:(ML;;NW;;;S-1-16-0)":     true,  // untrusted
	} {
		descriptor, err := windows.SecurityDescriptorFromString(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := local.IsSandboxed(descriptor); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

// TestServiceSID: as Windows makes it, of a service whose identifier is well known.
func TestServiceSID(t *testing.T) {
	const want = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
	if got := local.ServiceSID("TrustedInstaller"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNoPipe(t *testing.T) {
	for _, pipe := range []string{`\\.\pipe\anaplan-agent-missing`, `\\.\PIPE\anaplan-agent-missing`} {
		if _, err := local.NewClient(pipe).Status(t.Context()); !errors.Is(err, local.ErrNotRunning) || !strings.Contains(err.Error(), pipe) {
			t.Errorf("%s: %v", pipe, err)
		}
		if err := local.CheckServer(pipe); err != nil {
			t.Errorf("%s: %v", pipe, err)
		}
	}
	for _, pipe := range []string{`\\other\pipe\anaplan-agent`, `C:\agent.sock`, `\\.\pipe\`, ""} {
		if _, err := local.NewClient(pipe).Status(t.Context()); err == nil || !strings.Contains(err.Error(), "not a named pipe of this machine") {
			t.Errorf("%s: %v", pipe, err)
		}
	}
}
