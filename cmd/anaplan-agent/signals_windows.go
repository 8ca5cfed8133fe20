package main

import "os"

// hangup is no signal of Windows: reload asks the agent instead.
var hangup []os.Signal

// passedOn is the one signal of Windows that a program can hold back.
var passedOn = []os.Signal{os.Interrupt}

// passOn does nothing: the console sends Ctrl-C to all of its programs.
func passOn(*os.Process, os.Signal) {}

// exitCodeOf returns a program's exit code.
func exitCodeOf(state *os.ProcessState) int { return state.ExitCode() }

// become runs a program: Windows cannot replace a process.
func become(path string, args, env []string) error { return runProgram(path, args, env) }
