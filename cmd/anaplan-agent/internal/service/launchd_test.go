//go:build unix

package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/launchd"
)

// TestSocketOfLaunchd: the file has launchd listen where commands look, under the name by which the
// agent asks for the socket, and in a directory that is there.
func TestSocketOfLaunchd(t *testing.T) {
	t.Setenv("HOME", "/home/a & b")
	t.Setenv("XDG_RUNTIME_DIR", "/state") // of root, too
	s, _ := newTestService(t, "darwin", Flags{Program: "/opt/agent", root: t.TempDir()})
	socket := "<key>" + launchd.Listener + "</key><dict><key>SockPathName</key><string>/state/anaplan-agent/agent.sock</string>"
	if text := strings.NewReplacer("\n", "", "\t", "").Replace(s.Files[0].text); !strings.Contains(text, socket) || strings.Count(text, "/state/anaplan-agent/agent.sock") != 2 {
		t.Errorf("no %s in\n%s", socket, s.Files[0].text)
	}
	if err := s.write(s.Files[0]); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(s.root, "/state/anaplan-agent")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's directory: %v, %v", info, err)
	}
}
