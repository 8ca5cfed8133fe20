//go:build cgo && (windows || (linux && (amd64 || arm64)))

package device

/*
// What the handlers of a crash look at: a module is closing; one has died of it; one did not close.
volatile int module_closing, module_died, module_lost;

static void setClosing(int on) { __atomic_store_n(&module_closing, on, __ATOMIC_SEQ_CST); }

static int hasDied(void) { return __atomic_exchange_n(&module_died, 0, __ATOMIC_SEQ_CST); }

static void setLost(void) { __atomic_store_n(&module_lost, 1, __ATOMIC_SEQ_CST); }
*/
import "C"

// modulesClose says that from now on, or no longer, modules do nothing but close: one that crashes
// takes only its thread with it.
func modulesClose(closing bool) {
	on := C.int(0)
	if closing {
		on = 1
	}
	C.setClosing(on)
}

// moduleDied reports, once, whether a module has crashed while it closed.
func moduleDied() bool { return C.hasDied() != 0 }

// modulesLeft says that a module has not closed, and has a thread that is left behind.
func modulesLeft() { C.setLost() }
