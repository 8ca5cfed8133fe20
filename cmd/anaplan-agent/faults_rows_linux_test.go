//go:build cgo

package main

import (
	"os"
	"slices"
	"time"
)

// troubles returns all rows.
func troubles() []trouble {
	return slices.Concat(deviceTroubles(), cardTroubles(), networkTroubles(), timeTroubles(), processTroubles(), callerTroubles())
}

// callsOfLogin are the module's functions that a login calls.
var callsOfLogin = []string{
	"C_Initialize", "C_GetSlotList", "C_GetTokenInfo", "C_OpenSession", "C_Login", "C_FindObjectsInit", "C_FindObjects",
	"C_GetAttributeValue", "C_SignInit", "C_Sign", "C_CloseSession", "C_Finalize",
}

// actsOfModule are what a function does in place of its work.
var actsOfModule = []struct{ order, name string }{
	{"0x30", "DEVICE_ERROR"},
	{"0x80000042", "a vendor's code"},
	{"crash", "the module crashes"},
	{"exit", "the module ends the process"},
	{"kill", "the process is killed"},
	{"hang", "the module hangs"},
}

// whileHung is longer than a login may take by shortTimeout, with the half second that a call has to end
// then: one that waits for what hangs has failed by then.
const whileHung = 4 * time.Second

// callsOfClosing are those of callsOfLogin that nobody waits for: the login is made by then.
var callsOfClosing = []string{"C_CloseSession", "C_Finalize"}

func deviceTroubles() (rows []trouble) {
	for _, function := range callsOfLogin {
		for _, act := range actsOfModule {
			row := trouble{group: "token", name: function + ": " + act.name, needs: aLogin, met: calledSince(function)}
			row.fault.orders = []string{function + "=" + act.order}
			if act.order == "hang" {
				row.settings, row.lasts = map[string]string{"timeout": shortTimeout}, whileHung
				if !slices.Contains(callsOfClosing, function) {
					row.until = func(w *faultSite) bool { return w.crowd.hasProblem() } // it was given up
				}
			}
			if function == "C_Login" {
				row.within = mostRecovery
			}
			rows = append(rows, row)
		}
	}
	odd := func(name string, orders ...string) trouble {
		return trouble{group: "token", name: name, needs: aLogin, fault: fault{orders: orders}, met: calledSince("C_GetSlotList")}
	}
	return append(rows,
		trouble{
			group: "token", name: "the token is not there", needs: aLogin, met: calledSince("C_Initialize"),
			begin: func(w *faultSite) { w.check(os.Rename(w.path("tokens"), w.path("hidden"))) },
			end:   func(w *faultSite) { w.check(os.Rename(w.path("hidden"), w.path("tokens"))) },
		},
		odd("a slot more, which fails", "badslot"),
		odd("signatures do not verify", "badsign"),
		odd("SESSION_HANDLE_INVALID at C_Sign", "C_Sign=0xb3"),
		odd("KEY_HANDLE_INVALID at C_SignInit", "C_SignInit=0x60"),
		odd("SESSION_COUNT at C_OpenSession", "C_OpenSession=0xb1"),
		odd("the module prints a banner", "print=stdout"),
		odd("the module prints the PIN and the signature", "printpin=stderr", "printsignature=stderr"),
	)
}

// calledSince reports whether a function was called since the trouble began.
func calledSince(function string) func(*faultSite) bool {
	return func(w *faultSite) bool { return w.calls()[function] > w.before[function] }
}
