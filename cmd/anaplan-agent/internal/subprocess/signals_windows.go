package subprocess

import (
	"os"
)

// passedOn is the one signal of Windows that a program can hold back.
var passedOn = []os.Signal{os.Interrupt}

// passOn does nothing: the console sends Ctrl-C to all of its programs.
func passOn(*os.Process, os.Signal) {}

// exitCodeOf returns a program's exit code.
func exitCodeOf(state *os.ProcessState) int { return state.ExitCode() }

// Become runs a program: Windows cannot replace a process.
func Become(path string, args, env []string) error { return RunProgram(path, args, env) }
