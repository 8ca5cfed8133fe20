package main

import "golang.org/x/sys/unix"

// harden keeps the PIN and the token out of core dumps and away from debuggers of the same user
// (prctl(2), PR_SET_DUMPABLE). If the kernel refuses, the program is as safe as any other, so that
// is not an error. Programs that it starts are not affected: execve(2) sets the flag again.
func harden() {
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
