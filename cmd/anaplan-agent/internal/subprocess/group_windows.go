package subprocess

import (
	"os/exec"
)

// OwnGroup does nothing: process groups cannot be ended here.
func OwnGroup(*exec.Cmd) {}

// KillGroup ends a command.
func KillGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }

// WithoutTerminal does nothing: a program without standard input finds no console to ask on.
func WithoutTerminal(*exec.Cmd) {}
