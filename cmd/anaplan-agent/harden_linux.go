package main

import "golang.org/x/sys/unix"

// harden keeps the PIN and the token out of core dumps and away from debuggers
// of the same user (prctl(2), PR_SET_DUMPABLE). A kernel that refuses leaves
// the program as safe as any other, so there is nothing to report. Programs that it
// starts are not affected: execve(2) sets the flag anew.
func harden() {
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
