//go:build cgo

package main

import (
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// stepsOfCard are the instructions (SP 800-73-4 part 2) that a card has for a login.
var stepsOfCard = []struct {
	name string
	ins  byte
}{
	{"the selection", 0xa4},
	{"the PIN", 0x20},
	{"the signature", 0x87},
}

func cardTroubles() (rows []trouble) {
	for _, step := range stepsOfCard {
		for _, word := range []uint16{0x6f00, 0x6982, 0x6a88} {
			name := fmt.Sprintf("the card answers %04X at %s", word, step.name)
			rows = append(rows, cardTrouble(name, pivtest.Fault{INS: step.ins, SW: word, Times: -1}))
		}
		rows = append(rows, pulledAt(step.name, step.ins))
	}
	return append(rows,
		cardTrouble("the card is slow", pivtest.Fault{Delay: 50e6, Times: -1}),
		stackTrouble("the card is out", func(w *faultSite) error { return w.device.stack.Pull(0) },
			func(w *faultSite) error { return w.device.stack.Insert(0, w.device.card) }),
		stackTrouble("pcscd is killed", func(w *faultSite) error { return w.device.stack.KillDaemon() },
			func(w *faultSite) error { return w.device.stack.StartDaemon() }),
		stackTrouble("pcscd is stopped", func(w *faultSite) error { return w.device.stack.StopDaemon() },
			func(w *faultSite) error { return w.device.stack.StartDaemon() }),
	)
}

// cardTrouble is one whose card has a fault.
func cardTrouble(name string, injected pivtest.Fault) trouble {
	return trouble{
		group: "card", name: name, fault: fault{onCard: true}, needs: aLogin, within: mostRecovery,
		begin: func(w *faultSite) {
			injected := injected
			injected.Before = func() { w.cardMet.Add(1) }
			w.device.card.Inject(injected)
		},
		end: func(w *faultSite) { w.device.card.ClearFaults() },
		met: func(w *faultSite) bool { return w.cardMet.Load() > 0 },
	}
}

// pulledAt is one whose card is pulled while it works on an instruction.
func pulledAt(step string, ins byte) trouble {
	return trouble{
		group: "card", name: "the card is pulled at " + step, fault: fault{onCard: true}, needs: aLogin, within: mostRecovery,
		begin: func(w *faultSite) {
			w.device.card.Inject(pivtest.Fault{INS: ins, SW: 0x6f00, Before: func() {
				w.device.stack.Pull(0)
				w.cardMet.Add(1)
			}})
		},
		end: func(w *faultSite) { w.check(w.device.stack.Insert(0, w.device.card)) },
		met: func(w *faultSite) bool { return w.cardMet.Load() > 0 },
	}
}

// stackTrouble is one of the reader or its service.
func stackTrouble(name string, begin, end func(*faultSite) error) trouble {
	return trouble{
		group: "card", name: name, fault: fault{onCard: true}, needs: aLogin,
		begin: func(w *faultSite) { w.check(begin(w)) },
		end:   func(w *faultSite) { w.check(end(w)) },
	}
}
