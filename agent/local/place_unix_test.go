//go:build unix

package local_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// place returns where an agent can listen.
func place(t testing.TB) string { return filepath.Join(directory(t), "s") }

// listen listens there.
func listen(t testing.TB, socket string) net.Listener {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// directory returns a directory with a short name, for socket paths have 108 bytes.
func directory(t testing.TB) string {
	t.Helper()
	path, err := os.MkdirTemp("", "al")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(path) })
	return path
}
