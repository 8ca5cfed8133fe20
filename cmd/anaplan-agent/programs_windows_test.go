package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// program is the whole program, as a user of Windows has it whose folders are all empty.
type program struct {
	*testing.T
	path    string
	folders []string // of the environment
}

// newProgram makes a copy of the test program, which is the program itself by that name: see TestMain.
func newProgram(t *testing.T) *program {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "anaplan-agent.exe")
	if err := os.WriteFile(path, code, 0o700); err != nil {
		t.Fatal(err)
	}
	return &program{T: t, path: path, folders: []string{`APPDATA=` + filepath.Join(dir, "roaming"), `LOCALAPPDATA=` + filepath.Join(dir, "local"),
		`ProgramData=` + filepath.Join(dir, "machine")}}
}

// configure writes the user's configuration.
func (p *program) configure(text string) {
	p.Helper()
	path := filepath.Join(strings.TrimPrefix(p.folders[0], "APPDATA="), "anaplan-agent", "config.toml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.Fatal(err)
	}
	p.write(path, []byte(text))
}

func (p *program) write(path string, content []byte) {
	p.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		p.Fatal(err)
	}
}

func (p *program) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(p.Context(), time.Minute)
	p.Cleanup(cancel)
	command := exec.CommandContext(ctx, p.path, args...)
	command.Env = append(os.Environ(), p.folders...)
	return command
}

// run fails the test unless the program exits with the code and says the words.
func (p *program) run(code int, args []string, words ...string) {
	p.Helper()
	command := p.command(args...)
	command.WaitDelay = 10 * time.Second // services that Wine starts for it would hold its output
	output, err := command.CombinedOutput()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	if got := exitCode(err); got != code {
		p.Errorf("%s: exit code %d, %v, want %d:\n%s", args, got, err, code, output)
	}
	for _, word := range words {
		if !bytes.Contains(output, []byte(word)) {
			p.Errorf("%s: it does not say %q:\n%s", args, word, output)
		}
	}
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if ended, ok := err.(*exec.ExitError); ok {
		return ended.ExitCode()
	}
	return -1
}

// TestProgramOnWindows: what needs neither card nor network.
func TestProgramOnWindows(t *testing.T) {
	p := newProgram(t)
	p.run(0, []string{"version"}, "windows/amd64", "PIV: yes")
	p.run(2, []string{"token"}, "no key configured", "C:/path/to/library.dll")
	p.run(1, []string{"status"}, `nobody listens at \\.\pipe\anaplan-agent-S-1-5-`, "has Windows do it")
	p.run(1, []string{"doctor", "--offline"}, `\\.\pipe\anaplan-agent`, `local\anaplan-agent\state is writable`, "memory for tokens and typed PINs can be locked")
	p.run(1, []string{"doctor", "--offline", "--key", "piv:slot=9c", "--pin", "credential:x"}, "credential is a place of systemd's", "wincred:NAME")
	p.run(0, []string{"service", "print", "--system"}, `sc.exe create anaplan-agent`, `NT SERVICE\anaplan-agent`)
	p.run(0, []string{"service", "print", "--user"}, "schtasks.exe /create", "--no-window --log-file")
	p.run(2, []string{"token", "--key", "piv:slot=9c", "--socket", "/run/anaplan-agent/agent.sock"}, "is not an absolute path")
}

// TestCertificateOnWindows: a certificate is explained, also one that PowerShell has written.
func TestCertificateOnWindows(t *testing.T) {
	p := newProgram(t)
	ca, err := anaplantest.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	narrow := ca.PEM()
	wide := []byte{0xff, 0xfe}
	for _, b := range narrow {
		wide = append(wide, b, 0)
	}
	for name, text := range map[string][]byte{"narrow.pem": narrow, "wide.pem": wide} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		p.run(1, []string{"cert", "--explain", path}, "it is a CA's certificate")
	}
}

// TestAgentOnWindows: an agent listens on its user's pipe, is asked there, and ends when it is told to.
func TestAgentOnWindows(t *testing.T) {
	p := newProgram(t)
	p.configure("[profile.default]\nkey = 'piv:serial=12345678;slot=9c'\npin = 'wincred:NOT-THERE'\n")
	agent := p.serve()
	p.run(0, []string{"status"}, "default", "idle")
	p.run(1, []string{"serve"}, "an agent is running already")
	p.run(0, []string{"reload"}, "the agent has read its configuration")
	p.run(0, []string{"stop"}, "the agent has ended")
	log := agent.wait()
	if !strings.Contains(log, `\\.\pipe\anaplan-agent-S-1-5-`) || !strings.Contains(log, "stopping") {
		t.Errorf("the log: %s", log)
	}
}

// TestPortOnWindows: an agent that is called over TCP only. There is no pipe to ask it by.
func TestPortOnWindows(t *testing.T) {
	p := newProgram(t)
	p.configure("[agent]\nsocket = 'none'\nlisten = '127.0.0.1:0'\n[profile.default]\nkey = 'piv:serial=12345678;slot=9c'\npin = 'wincred:NOT-THERE'\n")
	command := p.command("serve")
	log, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = command.Process.Kill(), command.Wait() })
	var address, all string
	for lines := bufio.NewScanner(log); address == "" && lines.Scan(); {
		all += lines.Text() + "\n"
		address = regexp.MustCompile(`127\.0\.0\.1:[1-9]\d*`).FindString(lines.Text())
	}
	if address == "" || strings.Contains(all, `\\.\pipe`) {
		t.Fatalf("it does not listen there alone:\n%s", all)
	}
	response, err := http.Get("http://" + address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Error(response.Status)
	}
	p.run(1, []string{"status"}, "no agent runs")
}

// useAgent gets a token from an agent.
func (p *program) useAgent() {
	p.Helper()
	agent := p.serve()
	p.run(0, []string{"token"})
	p.run(0, []string{"status"}, "default")
	p.run(0, []string{"stop"})
	agent.wait()
}

// runningAgent is an agent that serves.
type runningAgent struct {
	*program
	process *os.Process
	log     bytes.Buffer // complete when it has ended
	ended   chan error
}

// serve starts an agent, and waits until it answers.
func (p *program) serve() *runningAgent {
	p.Helper()
	agent := &runningAgent{program: p, ended: make(chan error, 1)}
	command := p.command("serve")
	command.Stderr = &agent.log
	if err := command.Start(); err != nil {
		p.Fatal(err)
	}
	agent.process = command.Process
	go func() { agent.ended <- command.Wait() }()
	for start := time.Now(); exitCode(p.command("status").Run()) != 0; time.Sleep(time.Second / 4) {
		if time.Since(start) > time.Minute {
			_ = agent.process.Kill()
			p.Fatalf("no agent answers: %v\n%s", <-agent.ended, &agent.log)
		}
	}
	return agent
}

// wait waits until the agent has ended, and returns its log.
func (a *runningAgent) wait() string {
	a.Helper()
	select {
	case err := <-a.ended:
		if err != nil {
			a.Errorf("the agent ended with %v\n%s", err, &a.log)
		}
	case <-time.After(time.Minute):
		_ = a.process.Kill()
		a.Fatalf("the agent has not ended: %v\n%s", <-a.ended, &a.log)
	}
	return a.log.String()
}
