package subprocess

import (
	"os/exec"
)

// OwnGroup does nothing: there is no group of processes that could be ended.
func OwnGroup(*exec.Cmd) {}

// KillGroup ends a command.
func KillGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }

// WithoutTerminal has nothing to do: a program without standard input has no console to ask
// on that it would find by itself.
func WithoutTerminal(*exec.Cmd) {}
