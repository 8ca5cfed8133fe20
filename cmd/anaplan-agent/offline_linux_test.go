//go:build cgo

package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// TestOfflinePage does what docs/offline.md says, line by line.
func TestOfflinePage(t *testing.T) {
	hsmtest.SoftHSM(t)
	dir := t.TempDir()
	buildPrograms(t, filepath.Join(dir, "bin"))
	session := exec.Command("setsid", "--wait", "bash", "-euc", offlineSession(t))
	session.Dir = dir
	session.Env = append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir, "ANAPLAN_AGENT_PIN=env:PIN", "PIN=1234")
	out, err := session.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "you@example.com") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// buildPrograms puts the programs where 'make build' does.
func buildPrograms(t *testing.T, dir string) {
	out, err := exec.Command("go", "build", "-o", dir+"/", ".", "../anaplan-emulator").CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
}

// offlineSession returns the lines of the page, on a port that is free. What a person does is to
// wait until the emulator is there, and to end it.
func offlineSession(t *testing.T) string {
	page, err := os.ReadFile("../../docs/offline.md")
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	session := "trap 'kill $(jobs -p)' EXIT\n"
	for line := range strings.Lines(string(page)) {
		if line, ok := strings.CutPrefix(line, "    "); ok {
			session += strings.ReplaceAll(line, " &\n", fmt.Sprintf(" --listen %s --ready-file ready &\nuntil [ -e ready ]; do sleep 0.05; kill -0 $!; done\n", address))
		}
	}
	return strings.ReplaceAll(session, "127.0.0.1:8443", address)
}

// freeAddress returns an address where nobody listens. Its port is below those that the kernel hands
// out (ip_local_port_range), or another program may be given it before it is listened on.
func freeAddress(t *testing.T) string {
	for range 100 {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000)))
		if err == nil {
			defer listener.Close()
			return listener.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}
