package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/Microsoft/go-winio"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/winetest"
)

// plantedMark is a variable with the file that a planted program makes: see TestMain.
const plantedMark = "ANAPLAN_AGENT_TEST_PLANTED"

// plant puts a file where any user of Windows may put one. Its directory is removed again.
func plant(t *testing.T, path string, content []byte) {
	t.Helper()
	t.Cleanup(func() { os.RemoveAll(filepath.Dir(path)) })
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o777); err != nil {
		t.Fatal(err)
	}
}

// TestPlantedFiles: on Windows \etc and \proc are folders that any user may make. A configuration
// there is not read, and a program there is not run, not even as the agent's own.
func TestPlantedFiles(t *testing.T) {
	if !winetest.Is() {
		t.Skip("this would change folders of the whole machine; Wine's disk is thrown away")
	}
	p := newProgram(t)
	code, err := os.ReadFile(p.path)
	if err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(t.TempDir(), "mark")
	t.Setenv(plantedMark, mark)
	plant(t, `C:\proc\self\exe`, code)
	plant(t, `C:\proc\self\exe.exe`, code) // which os/exec starts in its place
	plant(t, `C:\etc\anaplan-agent\planted.exe`, code)
	plant(t, `C:\etc\anaplan-agent\config.toml`, []byte("[profile.default]\nkey = 'piv:slot=9c'\npin = 'command:C:/etc/anaplan-agent/planted.exe'\n"))
	p.run(2, []string{"token"}, "no key configured")
	p.run(1, []string{"doctor", "--offline", "--key", "piv:slot=9c", "--pin", "none"}, "smartcard")
	if _, err := os.Stat(mark); err == nil {
		t.Error("a planted program was run")
	}
	// One that is run is seen:
	if err := exec.Command(`C:\proc\self\exe`).Run(); exitCode(err) != 1 {
		t.Error(err)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Error(err)
	}
}

// TestPlantedAgent: another user's program that has taken the agent's name gets nothing, above all no
// PIN, whether it is the user's agent or the machine's.
func TestPlantedAgent(t *testing.T) {
	p := newProgram(t)
	p.configure("[profile.default]\nkey = 'piv:slot=9c'\npin = 'env:PIN'\n")
	t.Setenv("PIN", "123456")
	for _, pipe := range []string{`\\.\pipe\anaplan-agent-` + local.Self(), `\\.\pipe\anaplan-agent`} {
		got := listenAsOther(t, pipe)
		for _, command := range []string{"token", "login", "unlock", "status", "stop"} {
			p.run(1, []string{command}, "not spoken to", pipe)
		}
		if text := got(); text != "" {
			t.Errorf("%s was sent %q", pipe, text)
		}
	}
}

// listenAsOther listens on a pipe that another user owns, until the test ends. What it returns ends
// that, and returns all that was sent there.
func listenAsOther(t *testing.T, pipe string) (got func() string) {
	t.Helper()
	listener, err := winio.ListenPipe(pipe, &winio.PipeConfig{SecurityDescriptor: "O:S-1-5-21-1-2-3-1001D:P(A;;GA;;;WD)", InputBufferSize: 1 << 16, OutputBufferSize: 1 << 16})
	if err != nil {
		t.Skip("only who has SeRestorePrivilege can make a pipe of somebody else's: ", err)
	}
	winetest.KeepFirst(t, pipe)
	sent := make(chan string, 1)
	go func() {
		var all []byte
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			text, _ := io.ReadAll(conn) // until the client leaves
			all = append(all, text...)
			conn.Close()
		}
		sent <- string(all)
	}()
	return func() string {
		listener.Close()
		return <-sent
	}
}
