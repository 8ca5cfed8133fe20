package server_test

import (
	"crypto/rand"
	"net"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/winetest"
)

// place returns where a server can listen.
func place(testing.TB) string { return `\\.\pipe\anaplan-agent-test-` + rand.Text() }

// prime keeps the first client of a pipe connected where that is needed.
func prime(t testing.TB, pipe string) { winetest.KeepFirst(t, pipe) }

// sentAll says that nothing more is sent on a connection. Of a pipe nobody can say that: what is
// incomplete ends when the agent has waited long enough.
func sentAll(conn net.Conn) {
	if half, ok := conn.(*net.TCPConn); ok {
		half.CloseWrite()
	}
}
