// Package memorytest looks for secrets in the memory of another process, for tests of what
// must not stay there.
//
//	found := memorytest.Of(t, cmd.Process.Pid).Find(map[string][]byte{"the PIN": pin})
//
// It needs Linux and the right to trace the process (ptrace(2)), which for one that has
// made itself undumpable only root has. It is a test's tool, and nothing else may use it.
package memorytest
