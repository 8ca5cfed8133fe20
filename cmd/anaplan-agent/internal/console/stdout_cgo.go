//go:build cgo && !windows

package console

/*
#include <fcntl.h>

static int closedAtStart;

// Runs before the Go runtime, which puts /dev/null in the place of a closed
// descriptor: what is written there is lost without an error.
__attribute__((constructor)) static void lookAtStdout(void) {
	closedAtStart = fcntl(1, F_GETFD) == -1;
}

static int stdoutClosedAtStart(void) { return closedAtStart; }
*/
import "C"

// stdoutClosed reports whether the program was started without a standard output, as cron jobs and
// daemons do with >&-. An explicit /dev/null counts as open: it is intended.
func stdoutClosed() bool { return C.stdoutClosedAtStart() != 0 }
