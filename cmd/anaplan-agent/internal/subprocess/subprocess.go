// Package subprocess starts programs that must not inherit open files of this one.
package subprocess

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"time"

	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// OutputDelay is how long a program's output is waited for after its end. What
// it leaves behind in the background (gpg-agent, for one) may hold the output open
// for ever.
const OutputDelay = time.Second

// Check refuses a program of the settings that other users can change. A missing one fails when it
// is started.
func Check(command *exec.Cmd) error {
	if command.Err != nil {
		return nil
	}
	return owned.Check(command.Path)
}

// Exit codes where there is no program, as env(1) and shells have them.
const (
	exitCannotRun = 126
	exitNotFound  = 127
)

// ExitError is the exit code of a program that exec ran. The program itself has reported what went
// wrong.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("the program ended with exit code %d", e.Code) }

// NoProgramError says that the program of exec was not started.
type NoProgramError struct {
	err  error
	Code int
}

func (e *NoProgramError) Error() string { return e.err.Error() }

// FindProgram returns the path of a program, before a login is spent on it.
func FindProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return "", &NoProgramError{fmt.Errorf("program %q not found", name), exitNotFound}
	case err != nil:
		return "", &NoProgramError{fmt.Errorf("%q cannot be run: %w", name, err), exitCannotRun}
	}
	return path, nil
}

// RunProgram runs a program as this process's stand-in: with its standard streams, the
// signals that it gets, and its exit code.
func RunProgram(path string, args, env []string) error {
	program := &exec.Cmd{Path: path, Args: args, Env: env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn...) // before the start, so that none ends this process and leaves that one
	defer signal.Stop(signals)
	if err := StartSealed(program); err != nil {
		return &NoProgramError{fmt.Errorf("%q cannot be run: %w", path, err), exitCannotRun}
	}
	ended := make(chan error, 1)
	go func() { ended <- program.Wait() }()
	for {
		select {
		case s := <-signals:
			passOn(program.Process, s)
		case err := <-ended:
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				return &ExitError{exitCodeOf(exit.ProcessState)}
			}
			return err
		}
	}
}
