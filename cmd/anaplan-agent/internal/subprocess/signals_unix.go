//go:build unix

package subprocess

import (
	"fmt"
	"os"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/foreign"
)

// passedOn are the signals that the program of exec gets in this process's place.
var passedOn = []os.Signal{
	syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
}

// passOn sends a signal on. A key on the terminal is sent to both by the terminal
// (termios(3), ISIG), so that one is not sent twice.
func passOn(process *os.Process, s os.Signal) {
	if s == syscall.SIGINT || s == syscall.SIGQUIT {
		if terminal, err := console.OpenTerminal(); err == nil {
			terminal.Close()
			return
		}
	}
	process.Signal(s) // fails if it has ended, which is told soon
}

// exitCodeOf returns a program's exit code; 128 and the signal's number, as in a shell,
// where one has ended it.
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
