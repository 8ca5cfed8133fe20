//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/internal/emulator"
)

// serve runs the emulator until ctx ends.
func serve(ctx context.Context, s *settings, stdout, stderr io.Writer) error {
	// First of all: a script that waits for the file must not find the environment of
	// an emulator that was killed.
	if err := emulator.RemoveStale(s.readyFile); err != nil {
		return err
	}
	e, err := start(ctx, s, stderr)
	if err != nil {
		return err
	}
	err = announce(e, s.readyFile, stdout)
	if err == nil {
		<-ctx.Done()
	}
	// The cards are saved last, when nobody can change them any more.
	return errors.Join(err, emulator.RemoveStale(s.readyFile), e.close(), saveCards(s.state, e.cards))
}

// announce says how the emulator is used, for a shell to read.
func announce(e *rig, readyFile string, stdout io.Writer) error {
	var lines strings.Builder
	for _, setting := range e.environment() {
		// In quotes, since TMPDIR may have any name.
		name, value, _ := strings.Cut(setting, "=")
		fmt.Fprintf(&lines, "export %s=%s\n", name, shell.Quote(value))
	}
	if readyFile != "" {
		if err := writeFile("--ready-file", readyFile, []byte(lines.String())); err != nil {
			return err
		}
	}
	return emulator.Print(stdout, lines.String())
}

// runCommand runs a command with the emulator as its PC/SC, and ends with it.
func runCommand(ctx context.Context, s *settings, stderr io.Writer) error {
	// Before the stack is started for nothing.
	path, err := exec.LookPath(s.rest[0])
	if err != nil {
		return err
	}
	e, err := start(ctx, s, stderr)
	if err != nil {
		return err
	}
	// Ctrl-C reaches the command from the terminal, and what it makes of it is its own
	// affair. A SIGTERM reaches only this process, which passes it on.
	ended, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM)
	defer stop()
	command := exec.CommandContext(ended, path, s.rest[1:]...)
	// As a shell does: the command may look at the name it was called by.
	command.Args[0] = s.rest[0]
	command.Env = append(os.Environ(), e.environment()...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	// And should the emulator be killed, there is nothing left for the command to use.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return errors.Join(judgeEnd(command.Run()), e.close(), saveCards(s.state, e.cards))
}

// judgeEnd makes the command's exit code this program's.
func judgeEnd(err error) error {
	ended, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return err
	}
	status, ok := ended.Sys().(syscall.WaitStatus)
	// As shells tell of a signal.
	if ok && status.Signaled() {
		return &emulator.Exit{Code: 128 + int(status.Signal())}
	}
	return &emulator.Exit{Code: ended.ExitCode()}
}
