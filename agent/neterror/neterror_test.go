package neterror_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
)

func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.(*net.TCPListener)
}

// TestSystem: what this system itself says is understood.
func TestSystem(t *testing.T) {
	listener := listen(t)
	address := listener.Addr().String()
	if _, err := net.Listen("tcp", address); !neterror.IsInUse(err) {
		t.Errorf("a second listener: %v", err)
	}
	caller, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	called, err := listener.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := caller.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	called.SetLinger(0) // closing resets, and does so where something is unread
	called.Close()
	caller.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.Copy(io.Discard, caller); !neterror.IsBroken(err) && runtime.GOOS != "windows" { // Wine resets nothing
		t.Errorf("a reset: %v", err)
	}
	if _, err := net.Dial("tcp", "127.0.0.1:1"); !neterror.IsRefused(err) { // a port that nobody is given
		t.Errorf("nobody there: %v", err)
	}
}

// TestWindows: its numbers are understood, and nothing else is.
func TestWindows(t *testing.T) {
	tests := map[string]struct {
		is      func(error) bool
		numbers []syscall.Errno
	}{
		"IsRefused":  {neterror.IsRefused, []syscall.Errno{10061}},
		"IsBroken":   {neterror.IsBroken, []syscall.Errno{10053, 10054}},
		"IsInUse":    {neterror.IsInUse, []syscall.Errno{10048}},
		"IsGone":     {neterror.IsGone, []syscall.Errno{10053, 10054}},
		"IsShortage": {neterror.IsShortage, []syscall.Errno{10024, 10055}},
	}
	for name, test := range tests {
		for _, number := range test.numbers {
			if err := fmt.Errorf("wrapped: %w", os.NewSyscallError("wsarecv", number)); !test.is(err) {
				t.Errorf("%s does not know %d", name, number)
			}
		}
		for _, err := range []error{nil, io.EOF, errors.New("other"), syscall.Errno(10060), syscall.EACCES} {
			if test.is(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
