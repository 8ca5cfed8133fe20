package listen_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/listen"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/winetest"
	"golang.org/x/sys/windows"
)

// TestListenPipe: one agent has a pipe, which goes with it.
func TestListenPipe(t *testing.T) {
	pipe := `\\.\pipe\anaplan-agent-test-` + rand.Text()
	for range 2 {
		listener, err := listen.On(pipe, listen.Options{})
		if err != nil {
			t.Fatal(err)
		}
		go func() { // Wine gives the first caller to nobody
			for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
				conn.Close()
			}
		}()
		if got := listener.Addr(); got.Network() != "pipe" || got.String() != pipe {
			t.Errorf("the address is %s %s", got.Network(), got)
		}
		winetest.KeepFirst(t, pipe)
		if _, err := listen.On(pipe, listen.Options{}); !errors.Is(err, local.ErrRunning) || !strings.Contains(err.Error(), pipe) {
			t.Errorf("a second agent: %v", err)
		}
		listener.Close()
		if !winetest.Is() && local.Knock(pipe) == nil { // there it stays while its first client does
			t.Error("the pipe stays")
		}
		pipe += "x"
	}
	for _, path := range []string{`C:\agent.sock`, `\\other\pipe\agent`, `\\.\pipe\`, "none"} {
		if _, err := listen.On(path, listen.Options{}); err == nil || !strings.Contains(err.Error(), `write it as \\.\pipe\NAME`) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestPipeAccess: whom Windows lets open the pipe. Only who may do everything may make instances of it.
func TestPipeAccess(t *testing.T) {
	for _, shared := range []bool{false, true} {
		access := accessOf(t, listen.Options{Shared: shared})
		for sid, want := range map[string]windows.ACCESS_MASK{
			local.Self(): windows.GENERIC_ALL, "S-1-5-18": windows.GENERIC_ALL, "S-1-5-32-544": windows.GENERIC_ALL,
			"S-1-5-11": map[bool]windows.ACCESS_MASK{true: 0x12019b}[shared], // users that have logged in
		} {
			if got := access[sid]; got != want {
				t.Errorf("shared %t: %s has %#x, want %#x", shared, sid, got, want)
			}
			delete(access, sid)
		}
		if len(access) != 0 {
			t.Errorf("shared %t: others have access, too: %v", shared, access)
		}
	}
}

// accessOf returns what a pipe's list allows to whom.
func accessOf(t *testing.T, options listen.Options) map[string]windows.ACCESS_MASK {
	t.Helper()
	descriptor, err := windows.SecurityDescriptorFromString(listen.DescriptorFor(local.Self(), options))
	if err != nil {
		t.Fatal(err)
	}
	if owner, _, err := descriptor.Owner(); err != nil || owner.String() != local.Self() {
		t.Errorf("the owner is %v, %v", owner, err)
	}
	control, _, err := descriptor.Control()
	list, _, failed := descriptor.DACL()
	if err := errors.Join(err, failed); err != nil || control&windows.SE_DACL_PROTECTED == 0 {
		t.Fatalf("control %#x, %v", control, err)
	}
	access := map[string]windows.ACCESS_MASK{}
	for i := range uint32(list.AceCount) {
		sid, mask := entryOf(t, list, i)
		access[sid] |= mask
	}
	return access
}
