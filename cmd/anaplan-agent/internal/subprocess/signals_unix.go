//go:build unix

package subprocess

import (
	"fmt"
	"os"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/foreign"
)

// passedOn are the signals that go to the program of exec in place of this process.
var passedOn = []os.Signal{
	syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
}

// passOn sends a signal on, but not twice: those of the terminal's keys go to both processes
// (termios(3), ISIG).
func passOn(process *os.Process, s os.Signal) {
	if s == syscall.SIGINT || s == syscall.SIGQUIT {
		if terminal, err := console.OpenTerminal(); err == nil {
			terminal.Close()
			return
		}
	}
	process.Signal(s) // fails if it has ended, which is told soon
}

// exitCodeOf returns a program's exit code; as in a shell, 128 plus the signal's number if a signal
// ended it.
func exitCodeOf(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// Become replaces this process by a program, so that signals, exit code and terminal
// are the program's without anybody in between. It returns only an error.
func Become(path string, args, env []string) error {
	err := foreign.Restore() // or it would have our standard error for its output
	if err == nil {
		err = syscall.Exec(path, args, env)
	}
	return &NoProgramError{fmt.Errorf("%q cannot be run: %w", path, err), exitCannotRun}
}
