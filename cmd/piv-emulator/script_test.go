//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

func TestMain(m *testing.M) {
	pivtest.Main()
	testscript.Main(m, map[string]func(){program: main})
}

// TestScripts runs the program as people do, with yubico-piv-tool as its client. The
// commands beside testscript's own:
//
//	code CODE PROGRAM ARG...  runs a program that must exit with CODE
//	emulate ARG...            starts the emulator, waits for its ready file, and sets
//	                          the environment that the file exports
//	stop                      ends it by SIGTERM, and wants exit code 0
func TestScripts(t *testing.T) {
	pivtest.NewStack(t).Close() // skips, where there can be none
	pivtest.Tool(t, "yubico", "yubico-piv-tool")
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		WorkdirRoot:         t.TempDir(), // which a run that leaves scripts out does not leave either
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// A program built with -race waits a second before it ends, for reports.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			env.Setenv("HOME", env.WorkDir)
			env.Values[processKey{}] = new(exec.Cmd)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code, "emulate": emulate, "stop": stop},
	})
}

// processKey is where a script's emulator is kept.
type processKey struct{}

func code(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		got = ended.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

func emulate(ts *testscript.TestScript, _ bool, args []string) {
	ready := ts.MkAbs("ready")
	command := exec.Command(program, append([]string{"--ready-file", ready}, args...)...)
	command.Dir = ts.Getenv("WORK")
	// The script's, for its PIN; the search path is that of testscript.
	command.Env = append(os.Environ(), "PIV_EMULATOR_PIN="+ts.Getenv("PIV_EMULATOR_PIN"))
	command.Stderr = os.Stderr
	ts.Check(command.Start())
	*ts.Value(processKey{}).(*exec.Cmd) = *command
	ts.Defer(func() { end(ts.Value(processKey{}).(*exec.Cmd)) })
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(60 * time.Second); ; <-ticker.C {
		file, err := os.Open(ready)
		if err == nil {
			defer file.Close()
			adopt(ts, bufio.NewScanner(file))
			return
		}
		if !errors.Is(err, fs.ErrNotExist) || time.Now().After(deadline) {
			ts.Fatalf("the emulator is not ready: %v", err)
		}
	}
}

// adopt sets the environment that a ready file exports.
func adopt(ts *testscript.TestScript, lines *bufio.Scanner) {
	for lines.Scan() {
		name, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		if !ok {
			ts.Fatalf("a line of the ready file is %q", lines.Text())
		}
		ts.Setenv(name, strings.Trim(value, "'"))
	}
	ts.Check(lines.Err())
}

func stop(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(end(ts.Value(processKey{}).(*exec.Cmd)))
}

// end ends the emulator, once, and returns how it ended.
func end(command *exec.Cmd) error {
	if command.Process == nil || command.ProcessState != nil {
		return nil
	}
	command.Process.Signal(syscall.SIGTERM)
	return command.Wait()
}
