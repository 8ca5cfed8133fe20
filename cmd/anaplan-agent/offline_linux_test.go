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

// TestOfflinePage does what docs/offline.md says, line by line, and what docs/ci.md says of a program.
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
	runInCI(t, dir)
}

// runInCI has docs/examples/ci.sh run a program, as docs/ci.md says; it fails as that does, and leaves
// nothing.
func runInCI(t *testing.T, dir string) {
	const integration = `set -eu
curl -sSf https://api.anaplan.com/2/0/models | grep -q '"name":"Plan"'
echo 'Product,Amount' >sales.csv
anaplan-agent run file Sales.csv --model Plan --input sales.csv >/dev/null
curl -sSf --noproxy '*' "$EMULATOR/emulator/files/Sales.csv" | cmp - sales.csv
exit 7
`
	script, err := filepath.Abs("../../docs/examples/ci.sh")
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "left")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("setsid", "--wait", "sh", script, "sh", "-c", integration)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+left, "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("%v, want the program's exit code 7:\n%s", err, out)
	}
	if files, err := os.ReadDir(left); err != nil || len(files) > 0 {
		t.Errorf("it left %v, %v", files, err)
	}
}

// buildPrograms puts the programs into a directory that is not there yet, as 'make build' does.
func buildPrograms(t *testing.T, dir string) {
	if built := os.Getenv(builtVariable); built != "" {
		if err := os.Symlink(built, dir); err != nil {
			t.Fatal(err)
		}
		return
	}
	out, err := exec.Command("go", "build", "-o", dir+"/", ".", "../anaplan-emulator", "../piv-emulator").CombinedOutput()
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
