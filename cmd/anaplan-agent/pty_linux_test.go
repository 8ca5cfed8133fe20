//go:build cgo

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"golang.org/x/sys/unix"
)

// openPTY is newPTY for a test.
func openPTY(t *testing.T) (control, tty *os.File) {
	t.Helper()
	control, tty, err := newPTY()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { control.Close() })
	return control, tty
}

// newPTY returns the two ends of a new terminal (pts(4)).
func newPTY() (control, tty *os.File, err error) {
	if control, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			control.Close()
		}
	}()
	if err := unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	return control, tty, err
}

// result is what came of a run of the program.
type result struct {
	stdout, stderr bytes.Buffer
	code           int
}

// newCommand returns the program as a process in a session of its own, without a
// terminal.
func (r *result) newCommand(t *testing.T, env, args []string) *exec.Cmd {
	t.Helper()
	program, err := programOfScripts()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	link := filepath.Join(home, build.Program)
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(link, args...)
	// The tester's own settings must not reach the program; SOFTHSM2_CONF must.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ANAPLAN_") })
	cmd.Env = slices.Concat(cmd.Env, []string{"HOME=" + home, "XDG_CACHE_HOME="}, env)
	cmd.Stdout, cmd.Stderr = &r.stdout, &r.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// run runs the program without a terminal.
func (r *result) run(t *testing.T, env, args []string) {
	t.Helper()
	cmd := r.newCommand(t, env, args)
	if cmd.Start() == nil {
		defer bound(cmd)()
		cmd.Wait()
	}
	r.code = cmd.ProcessState.ExitCode()
}

// want checks the exit code and that standard error holds each text; standard
// output has a login if the code is 0, else nothing.
func (r *result) want(t *testing.T, code int, texts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d; stderr: %s", r.code, code, r.stderr.String())
	}
	if signed := strings.Contains(r.stdout.String(), "encodedSignedData"); signed != (code == 0) {
		t.Errorf("exit code %d and stdout %q", r.code, r.stdout.String())
	}
	for _, text := range texts {
		if !strings.Contains(r.stderr.String(), text) {
			t.Errorf("stderr lacks %q: %s", text, r.stderr.String())
		}
	}
}

// typist runs the program on a terminal of its own and types each answer once
// the question before it is to be read there.
type typist struct {
	result
	screen string
}

func (ty *typist) run(t *testing.T, env []string, args []string, dialogue ...string) {
	t.Helper()
	control, tty := openPTY(t)
	cmd := ty.newCommand(t, env, args)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	cmd.ExtraFiles = []*os.File{tty}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer bound(cmd)()
	tty.Close() // so that the other end reads an error once the program has ended
	typed := make(chan error, 1)
	go func() { typed <- ty.hold(control, dialogue) }()
	cmd.Wait()
	ty.code = cmd.ProcessState.ExitCode()
	if err := <-typed; err != nil {
		t.Errorf("%v\nscreen: %q\nstderr: %s", err, ty.screen, ty.stderr.String())
	}
}

// hold holds the dialogue: question, answer, question, answer.
func (ty *typist) hold(control *os.File, dialogue []string) error {
	unread := 0
	for i := 0; i < len(dialogue); i += 2 {
		for !strings.Contains(ty.screen[unread:], dialogue[i]) {
			shown := make([]byte, 1024)
			n, err := control.Read(shown)
			if err != nil {
				return fmt.Errorf("%q was not asked: %w", dialogue[i], err)
			}
			ty.screen += string(shown[:n])
		}
		unread = len(ty.screen)
		if _, err := control.WriteString(dialogue[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// softToken returns the address and the environment of a token with a key that
// can log in, and its PIN.
func softToken(t *testing.T) (address, pin string, env []string) {
	token := hsmtest.NewToken(t)
	key := hsmtest.RSAKey(t, "a")
	token.Put(t, hsmtest.Named("login", 1).Pair(key, hsmtest.Certify(t, key))...)
	return token.Address(t, ";object=login").String(), token.PIN, []string{"XDG_STATE_HOME=" + t.TempDir(), "TERM=dumb"}
}

func TestPromptOnTerminal(t *testing.T) {
	address, pin, env := softToken(t)
	var ty typist
	ty.run(t, env, []string{"sign", "--key", address}, `PIN for token "test": `, pin+"\n")
	ty.want(t, 0)
	if strings.Contains(ty.screen, pin) {
		t.Errorf("the PIN is to be read on the screen: %q", ty.screen)
	}
}

// Ctrl-C at the prompt ends the program, and the terminal echoes again.
func TestPromptInterrupted(t *testing.T) {
	address, _, env := softToken(t)
	var ty typist
	ty.run(t, env, []string{"sign", "--key", address}, `PIN for token "test": `, "\x03")
	ty.want(t, 1, "interrupt signal received")
}

func TestPinentryOnTerminal(t *testing.T) {
	pinentry := hsmtest.Tool(t, "pinentry", "pinentry-tty")
	address, pin, env := softToken(t)
	var ty typist
	ty.run(t, env, []string{"sign", "--key", address, "--pin", "pinentry:" + pinentry}, "PIN:", pin+"\n")
	ty.want(t, 0)
}
