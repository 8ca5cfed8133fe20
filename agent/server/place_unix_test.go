//go:build unix

package server_test

import (
	"net"
	"path/filepath"
	"testing"
)

// place returns where a server can listen.
func place(t testing.TB) string { return filepath.Join(directory(t), "s") }

// prime readies what listens there.
func prime(testing.TB, string) {}

// sentAll says that nothing more is sent on a connection.
func sentAll(conn net.Conn) { conn.(interface{ CloseWrite() error }).CloseWrite() }
