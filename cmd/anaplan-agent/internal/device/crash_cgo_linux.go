//go:build cgo && (amd64 || arm64)

package device

/*
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

// Where the program itself lies; ld, gold and lld all say so.
extern char __executable_start[], etext[];

static struct sigaction before[NSIG];
static int silent;
static int person; // the descriptor to say it on

extern volatile int module_closing, module_died, module_lost; // crash_marks.go
static volatile int ending;                                    // the program ends

static uintptr_t faultAt(const ucontext_t *context) {
#ifdef __x86_64__
	return context->uc_mcontext.gregs[REG_RIP];
#else
	return context->uc_mcontext.pc;
#endif
}

// A module that dies while it closes takes no more than its thread with it: all that was
// wanted of it is done, and the other threads have that to deliver.
static void park(void) {
	__atomic_store_n(&module_died, 1, __ATOMIC_SEQ_CST);
	for (;;) pause();
}

static void giveUp(const char *said, size_t length) {
	ssize_t ignored = write(person, said, length);
	(void)ignored;
	_exit(1);
}

// A fault in the program is Go's to report; one in a library is the module's.
static void crashed(int signal, siginfo_t *info, void *context) {
	uintptr_t pc = faultAt(context);
	int ours = pc >= (uintptr_t)__executable_start && pc < (uintptr_t)etext;
	if (ours && before[signal].sa_flags & SA_SIGINFO) {
		before[signal].sa_sigaction(signal, info, context);
		return;
	}
	if (silent) { // the parent process sees what ended it
		sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_UNBLOCK, &all, NULL);
		raise(signal);
		return; // for the fault to come again
	}
	if (module_closing) park();
	static const char said[] =
		"anaplan-agent: error: the PKCS#11 module crashed, and took this program with it\n"
		"anaplan-agent: hint: try again; if it stays so, ask the device's vendor for another version of the module\n";
	giveUp(said, sizeof said - 1);
}

// Go's programs end without exit(3), but for those with a race detector, so it is a module
// that has called it.
static void exited(void) {
	if (ending) return;
	if (module_closing) park();
	static const char said[] =
		"anaplan-agent: error: the PKCS#11 module ended this program\n"
		"anaplan-agent: hint: try again; if it stays so, ask the device's vendor for another version of the module\n";
	giveUp(said, sizeof said - 1);
}

// The Go runtime has its handlers by now; they are called for what is theirs
// (os/signal, "Go programs that use cgo or SWIG").
static void watch(int is_signer, int descriptor) {
	static int watches;
	if (watches++) return;
	silent = is_signer;
	person = descriptor;
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	struct sigaction action = {.sa_sigaction = crashed, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	sigfillset(&action.sa_mask);
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, &before[signals[i]]);
	if (!is_signer) atexit(exited); // before the module's own, so after them
}

// A thread that was left in a module may hold the loader's lock, which exit(3) wants.
static void end(int code) {
	ending = 1;
	if (module_lost) _exit(code);
}
*/
import "C"

import "os"

// WatchModules makes a crash of a module an error in words. Modules are foreign C
// in this process: without it, people who did nothing wrong would read the stacks
// of all goroutines, and scripts the exit code of a wrong call. It may be called again.
func WatchModules() { C.watch(0, C.int(os.Stderr.Fd())) }

// WatchModulesOfSigner leaves a crash to the system: the agent that has started this
// process is told by which signal it ended, and puts that into words.
func WatchModulesOfSigner() { C.watch(1, C.int(os.Stderr.Fd())) }

// closesEarly: a module that ends badly is held up until the work is done.
const closesEarly = true

// workDone has nothing to do here.
func workDone() {}

// BeforeExit says that the program itself ends now, and not a module. If a module has not closed,
// it ends the program with that exit code.
func BeforeExit(code int) { C.end(C.int(code)) }
