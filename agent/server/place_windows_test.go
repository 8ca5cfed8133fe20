package server_test

import (
	"crypto/rand"
	"net"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"golang.org/x/sys/windows"
)

// place returns where a server can listen.
func place(testing.TB) string { return `\\.\pipe\anaplan-agent-test-` + rand.Text() }

// prime keeps the first client of a pipe connected under Wine. There it gets the instance that holds
// the pipe's name, which on Windows nobody can connect to, and waits in vain for an answer.
func prime(t testing.TB, pipe string) {
	t.Helper()
	if !isWine() {
		return
	}
	conn, err := local.Dial(t.Context(), pipe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
}

func isWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

// sentAll says that nothing more is sent on a connection. Of a pipe nobody can say that: what is
// incomplete ends when the agent has waited long enough.
func sentAll(conn net.Conn) {
	if half, ok := conn.(*net.TCPConn); ok {
		half.CloseWrite()
	}
}
