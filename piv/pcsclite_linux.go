//go:build cgo

package piv

// piv-go and scard link libpcsclite, as programs do that cannot work without it. This one can: on a
// server with an HSM there is no reason to install PC/SC, and the program must start there, and say
// in words what is missing when a card is asked for. So pcsclite_linux.c has the library's
// functions, by its own header, and loads the library at the first call; the linker finds them
// there and, as nothing else is needed of the library, leaves it out. A start without a card is
// faster for it, too.

// #cgo pkg-config: libpcsclite
// #cgo LDFLAGS: -Wl,--as-needed
// const char *anaplan_agent_pcsclite_failure(void);
import "C"

// libraryFailure returns why libpcsclite cannot be loaded, in the loader's words; ""
// if it can.
func libraryFailure() string { return C.GoString(C.anaplan_agent_pcsclite_failure()) }
