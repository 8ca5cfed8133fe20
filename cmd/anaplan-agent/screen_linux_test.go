//go:build cgo

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// enough is how long a run of the program may take that has not hung, and what comes by itself. A
// machine that is busy with other tests is ten times slower than a quiet one.
const enough = 2 * time.Minute

// onTerminalCommand is the name by which a script's program is put on a terminal.
const onTerminalCommand = "on-terminal"

// onTerminal is that: its arguments are a file with what is typed, one for what is to be read
// on the screen then, and the program with its own.
//
// testscript has a terminal too, but takes it away with the end of the program, and with it
// what was written last and not read yet. So does the kernel with the end of a session
// (n_tty(4) has no place for it then). Here the session goes on until all has been read.
func onTerminal() {
	code, err := runOnTerminal(os.Args[1], os.Args[2], os.Args[3:])
	if err != nil {
		fmt.Fprintln(os.Stderr, onTerminalCommand+":", err)
		code = 125
	}
	os.Exit(code)
}

func runOnTerminal(typed, screen string, words []string) (code int, err error) {
	text, err := os.ReadFile(typed)
	if err != nil {
		return 0, err
	}
	if _, err := syscall.Setsid(); err != nil {
		return 0, err
	}
	control, tty, err := newPTY()
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlSetInt(int(tty.Fd()), unix.TIOCSCTTY, 0); err != nil {
		return 0, err
	}
	signal.Notify(make(chan os.Signal, 1), os.Interrupt) // a typed Ctrl-C is for the program
	const endOfInput = "\x04"
	go control.Write(append(text, endOfInput...))
	shown := make(chan []byte)
	go func() { shown <- readScreen(control) }()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer bound(cmd)()
	cmd.Wait()
	if _, err := tty.WriteString(endOfScreen); err != nil {
		return 0, err
	}
	if err := os.WriteFile(screen, <-shown, 0o600); err != nil {
		return 0, err
	}
	if code = cmd.ProcessState.ExitCode(); code < 0 {
		return 0, errors.New(cmd.ProcessState.String())
	}
	return code, nil
}

// endOfScreen is written behind everything else.
const endOfScreen = "\x00the end of the screen\x00"

// readScreen returns what is shown up to endOfScreen.
func readScreen(control *os.File) (shown []byte) {
	piece := make([]byte, 4096)
	for {
		n, err := control.Read(piece)
		shown = append(shown, piece[:n]...)
		if before, _, ended := bytes.Cut(shown, []byte(endOfScreen)); ended || err != nil {
			return before
		}
	}
}

// bound kills a command that is not over after enough, unless stopped before: what hangs is to
// fail.
func bound(started *exec.Cmd) (stop func()) {
	kill := time.AfterFunc(enough, func() { started.Process.Kill() })
	return func() { kill.Stop() }
}

// screenKey is where the terminal of a script is kept.
type screenKey struct{}

// scriptScreen is a terminal: what is to be typed on the next, and what the last has shown.
type scriptScreen struct{ typed, shown string }

func screenOf(ts *testscript.TestScript) *scriptScreen {
	return ts.Value(screenKey{}).(*scriptScreen)
}

// typesCommand is the command types of the scripts.
func typesCommand(ts *testscript.TestScript, _ bool, args []string) {
	screenOf(ts).typed = ts.MkAbs(args[0])
}

// runOnScreen runs the program on the terminal.
func runOnScreen(ts *testscript.TestScript, args []string) {
	screen, file := screenOf(ts), filepath.Join(ts.Getenv("WORK"), ".screen")
	os.Remove(file)
	defer func() {
		shown, _ := os.ReadFile(file)
		screen.typed, screen.shown = "", string(shown)
		ts.Logf("[screen]\n%s", shown)
	}()
	runAgent(ts, args, onTerminalCommand, screen.typed, file, build.Program)
}

// screenCommand is the command screen of the scripts.
func screenCommand(ts *testscript.TestScript, neg bool, args []string) {
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	if found := pattern.MatchString(screenOf(ts).shown); found == neg {
		ts.Fatalf("%#q is on the screen: %v", args[0], found)
	}
}

// TestScreenLosesNothing: however much a program shows at its very end, it is read.
func TestScreenLosesNothing(t *testing.T) {
	dir := t.TempDir()
	typed, screen := filepath.Join(dir, "typed"), filepath.Join(dir, "screen")
	if err := os.WriteFile(typed, []byte("go\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		cmd := exec.Command(onTerminalCommand, typed, screen, "sh", "-c", `read word </dev/tty; seq 20000 >/dev/tty; echo "$word" >/dev/tty; exit 3`)
		cmd.Run()
		shown, err := os.ReadFile(screen)
		if err != nil || cmd.ProcessState.ExitCode() != 3 || !strings.HasSuffix(string(shown), "19999\r\n20000\r\ngo\r\n") {
			t.Fatalf("exit code %d, %v, %d bytes that end with %q", cmd.ProcessState.ExitCode(), err, len(shown), shown[max(0, len(shown)-40):])
		}
	}
}
