//go:build unix

package server_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

func TestClientNotRunning(t *testing.T) {
	root := directory(t)
	stale := filepath.Join(root, "stale")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: stale})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	for _, socket := range []string{filepath.Join(root, "none"), filepath.Join(root, "no", "directory"), stale} {
		_, err := local.NewClient(socket).Status(t.Context())
		if !errors.Is(err, local.ErrNotRunning) || !strings.Contains(err.Error(), socket) {
			t.Errorf("%s: %v", socket, err)
		}
	}
	file := filepath.Join(root, "file")
	os.WriteFile(file, nil, 0o600)
	if _, err := local.NewClient(filepath.Join(file, "s")).Status(t.Context()); err == nil || errors.Is(err, local.ErrNotRunning) {
		t.Errorf("a path through a file: %v", err)
	}
}
