package roomtest

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

// notifyTimeout bounds the wait for what always comes.
const notifyTimeout = 30 * time.Second

// Systemd hears what a service says to its supervisor.
type Systemd struct{ conn *net.UnixConn }

// ListenAsSystemd makes a socket as systemd has it, and the environment of it.
func ListenAsSystemd(t *testing.T) Systemd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(notifyTimeout)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	return Systemd{conn}
}

// Next returns the next thing that it was told.
func (s Systemd) Next(t *testing.T) string {
	t.Helper()
	text := make([]byte, 4096)
	n, err := s.conn.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(text[:n])
}

// IsQuietFor reports whether nothing is told for so long. It returns at the first thing that is.
func (s Systemd) IsQuietFor(d time.Duration) bool {
	s.conn.SetReadDeadline(time.Now().Add(d))
	_, err := s.conn.Read(make([]byte, 4096))
	return err != nil
}
