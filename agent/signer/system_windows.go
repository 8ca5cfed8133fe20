package signer

import "os/exec"

// group does nothing: Windows has no group of processes that could be killed.
func group(*exec.Cmd) {}

// kill ends a command, not what it has started. It fails if the command has ended.
func kill(cmd *exec.Cmd) { cmd.Process.Kill() }
