//go:build cgo

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// faultyDevice is a token or a card, and what goes wrong with it when a PIN comes. It is well
// before begin and after end. Its functions may be called from any goroutine, one at a time.
type faultyDevice struct {
	address      string
	env          []string // of the processes that are to see it
	right, wrong string   // PINs
	begin, end   func() error
	sent         func() int // grows with each PIN that comes to it, whether or not it compares it
	refused      func() int // how many PINs it has compared and not taken, whatever it said
	signed       func() int // grows with each signature that it is asked for
	release      func()     // lets calls return that hang

	card  *pivtest.Card  // nil: it is a token
	stack *pivtest.Stack // the card's
}

// wrongTokenPIN and wrongCardPIN are PINs of no token and no card.
const (
	wrongTokenPIN = "not-the-pin-4242"
	wrongCardPIN  = "999999"
)

// newFaultyToken returns a SoftHSM token of its own behind the shim.
func (l *faultLab) newFaultyToken(t *testing.T, directory string, f fault) *faultyDevice {
	shim, env := l.token.BehindIn(t, directory, l.shim, f.orders...)
	shim.Behave(t)
	logs, while := filepath.Join(directory, "logins"), filepath.Join(directory, "misbehave")
	return &faultyDevice{
		address: shim.Address(t, ";object=login").String(),
		env:     append(env, l.token.Copy(t, directory)),
		right:   l.token.PIN, wrong: wrongTokenPIN,
		begin: func() error { return os.WriteFile(while, nil, 0o600) },
		end: func() error {
			if err := os.Remove(while); !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		},
		sent: func() int { return len(linesOf(filepath.Join(directory, "calls"), "C_Login")) },
		refused: func() int {
			logins, err := hsmtest.ReadLogins(logs)
			if err != nil {
				t.Error(err)
			}
			return hsmtest.CountRefused(logins)
		},
		signed:  func() int { return len(linesOf(filepath.Join(directory, "calls"), "C_SignInit")) },
		release: func() { shim.Release(t) },
	}
}

// cardFault is what goes wrong with a card at a PIN: it answers with a status word, or it is
// pulled.
type cardFault struct {
	word uint16
	pull bool
}

// newFaultyCard returns a virtual card on a pcscd of its own.
func (l *faultLab) newFaultyCard(t *testing.T, f fault) *faultyDevice {
	stack := pivtest.NewStack(t)
	card, err := pivtest.NewCard(pivtest.Options{PIN: scriptPIN, PUK: "87654321"})
	if err == nil {
		err = card.PutKey(0x9c, l.key, pivtest.Policy{})
	}
	if err != nil {
		t.Fatal(err)
	}
	card.PutCertificate(0x9c, l.cert)
	stack.Insert(0, card)
	c := &cardInReader{card: card, stack: stack, fault: f, pulled: make(chan struct{})}
	return &faultyDevice{
		address: "piv:serial=12345678;slot=9c",
		env:     []string{"PCSCLITE_CSOCK_NAME=" + stack.Socket()},
		right:   scriptPIN, wrong: wrongCardPIN,
		begin: c.begin, end: c.end,
		sent:    func() int { return countOf(card, 0x20) + int(c.met.Load()) },
		refused: card.WrongPINs,
		signed:  func() int { return signaturesOf(card) },
		release: func() {},
		card:    card, stack: stack,
	}
}

// signaturesOf returns how many signatures a card was asked for. The request is longer than a
// command, so it comes in a chain (SP 800-73-4 part 2, section 3.2.4), whose last link is not
// full.
func signaturesOf(card *pivtest.Card) (n int) {
	for _, command := range card.Commands() {
		if command.INS == 0x87 && command.Length < 255 {
			n++
		}
	}
	return n
}

// cardInReader is a card that goes wrong at a PIN, and the reader that it is in.
type cardInReader struct {
	card   *pivtest.Card
	stack  *pivtest.Stack
	fault  fault
	met    atomic.Int64  // PINs that have met the fault: the card lists those that it has answered
	pulled chan struct{} // closed when the fault has pulled it
}

func (c *cardInReader) begin() error {
	if c.fault.card == nil {
		return nil
	}
	injected := pivtest.Fault{INS: 0x20, WithData: true, Times: -1, Before: func() { c.met.Add(1) }}
	early := c.fault.moment == before
	switch {
	case c.fault.card.pull && early:
		injected.Times, injected.SW, injected.Before = 1, 0x6f00, c.pull // nobody sees the answer
	case c.fault.card.pull:
		injected.Times, injected.Before, injected.After = 1, nil, c.pull
	case early:
		injected.SW = c.fault.card.word
	default:
		injected.AfterSW = c.fault.card.word
	}
	c.card.Inject(injected)
	return nil
}

func (c *cardInReader) pull() {
	c.met.Add(1)
	defer close(c.pulled)
	c.stack.Pull(0)
}

// end puts the card back if it has been pulled.
func (c *cardInReader) end() error {
	c.card.ClearFaults()
	if c.fault.card == nil || !c.fault.card.pull {
		return nil
	}
	select {
	case <-c.pulled:
		return c.stack.Insert(0, c.card)
	case <-time.After(faultPatience):
		return errors.New("the card was not pulled")
	}
}

// ordersOf returns the shim's orders for an act at a login.
func ordersOf(moment moment, act string) []string {
	if moment == after {
		act = "after:" + act
	}
	return []string{"C_Login=" + act}
}
