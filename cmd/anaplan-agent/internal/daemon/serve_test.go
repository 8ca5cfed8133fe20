package daemon

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// TestOnePortForTwo: whoever has given the agent one port for two things is told so, and of no other
// program.
func TestOnePortForTwo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	_, err = openWatched(address, address)
	if want := `metrics = "` + address + `" and listen = "` + address + `" have the same port`; !errors.Is(err, settings.ErrSettings) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	if _, err := openWatched(address, "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "metrics: another program listens on "+address) {
		t.Errorf("error %v", err)
	}
}
