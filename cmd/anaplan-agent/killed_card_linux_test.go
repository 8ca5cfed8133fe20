//go:build cgo

package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
	"github.com/rogpeppe/go-internal/testscript"
)

// allKillsVariable asks TestCardKilledAtEachStep for each walk with each kind of card, as make kills
// does. That takes two minutes.
const allKillsVariable = "ANAPLAN_AGENT_KILLS"

// cardWalks are the scripts, and the firmware of the card that each has in every run: of it depends
// what is known after a kill. Before 5.3 a card tells of a key only if that was made on it, and of
// one that was put on it if it has a certificate; before 5.7 it deletes no key.
var cardWalks = map[string]string{
	"killed-piv-enroll.txtar": "5.4.3",
	"killed-piv-import.txtar": "4.3.5",
	"killed-piv-rotate.txtar": "5.7.1",
	"killed-piv-switch.txtar": "5.7.1",
}

// TestCardKilledAtEachStep is TestKilledAtEachStep with YubiKeys.
func TestCardKilledAtEachStep(t *testing.T) {
	pivtest.NewStack(t).Close() // skips where there can be none
	if os.Geteuid() != 0 {
		hsmtest.Missing(t, "root", "the right to read the memory of a program that does not let itself be traced")
	}
	all := os.Getenv(allKillsVariable) != ""
	for _, firmware := range slices.Compact(slices.Sorted(maps.Values(cardWalks))) {
		t.Run(firmware, func(t *testing.T) {
			t.Parallel()
			runScripts(t, func(name string) bool {
				usual, ok := cardWalks[name]
				return ok && (all || usual == firmware)
			}, "FIRMWARE", firmware)
		})
	}
}

// lastingCommands are the commands of a card after which it is another one than before: a PIN's
// counter is part of it.
var lastingCommands = map[byte]string{
	0x20: "a PIN is compared",
	0x47: "a key is made",
	0xdb: "an object is written",
	0xf6: "a key is deleted",
	0xfe: "a key is imported",
}

// keptCard is what a card was when the script said so.
type keptCard struct {
	card  *pivtest.Card
	saved []byte
	wrong int // PINs it had compared when it was last put back
}

// keep is where each try of a walk begins from now on.
func (c *cardTable) keep(n int) (err error) {
	kept := &keptCard{card: c.cards[n]}
	kept.saved, err = kept.card.Save()
	c.kept[n] = kept
	return err
}

// keptCards returns the cards of a script that are kept.
func keptCards(ts *testscript.TestScript) (kept []*keptCard) {
	table := *ts.Value(cardsKey{}).(**cardTable)
	if table == nil {
		return nil
	}
	for _, k := range table.kept {
		if k != nil {
			kept = append(kept, k)
		}
	}
	return kept
}

// restoreCards puts the kept cards back.
func restoreCards(ts *testscript.TestScript) {
	for _, k := range keptCards(ts) {
		ts.Check(k.card.Restore(k.saved))
		k.card.ForgetCommands()
		k.wrong = k.card.WrongPINs()
	}
}

// checkCards returns what a try has cost a card that it must not: a key that was made twice, or more
// than one try of its PIN.
func checkCards(ts *testscript.TestScript) error {
	for _, k := range keptCards(ts) {
		made := 0
		for _, command := range k.card.Commands() {
			if command.INS == 0x47 && (command.SW == 0x9000 || command.SW>>8 == 0x61) {
				made++
			}
		}
		if made > 1 {
			return fmt.Errorf("%d keys were made on the card", made)
		}
		if wrong := k.card.WrongPINs() - k.wrong; wrong > 1 {
			return fmt.Errorf("the wrong PIN has cost %d tries", wrong)
		}
	}
	return nil
}

// watchCards has a program killed before and after each of the commands that last, until done is
// called. Of a command in several links that is the last: a card forgets a part with its session.
func watchCards(ts *testscript.TestScript, fate *fate) (done func()) {
	kept := keptCards(ts)
	for _, k := range kept {
		for ins, what := range lastingCommands {
			k.card.Inject(pivtest.Fault{
				INS: ins, WithData: ins == 0x20, Times: -1,
				Refuse: func() bool { return fate.at(fmt.Sprintf("before %s (%02X)", what, ins)) },
				After:  func() { fate.at(fmt.Sprintf("after %s (%02X)", what, ins)) },
			})
		}
	}
	return func() {
		for _, k := range kept {
			k.card.ClearFaults()
		}
	}
}
