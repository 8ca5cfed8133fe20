//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/cmd/internal/emulator"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// rig is a stack with cards, and what people do to them.
type rig struct {
	stack   *pivtest.Stack
	cards   []*pivtest.Card
	toucher *toucher
	control net.Listener
	orders  sync.WaitGroup // that are carried out

	mu       sync.Mutex // held while an order is carried out
	inserted []bool     // by reader, one for each card
	release  func()     // lets go of the card that is held; nil: none is
}

// start starts the stack and inserts the cards. stderr is for people.
func start(ctx context.Context, s *settings, stderr io.Writer) (*rig, error) {
	// settings has judged the policy.
	touch, err := newToucher(s.touch, func(line string) { fmt.Fprintf(stderr, "%s: %s\n", program, line) })
	if err != nil {
		return nil, err
	}
	e := &rig{toucher: touch}
	if e.cards, err = openCards(s); err != nil {
		return nil, err
	}
	for _, card := range e.cards {
		card.OnTouch(touch.touched)
	}
	if e.stack, err = pivtest.StartStack(ctx, pivtest.StackOptions{Reader: s.reader}); err != nil {
		return nil, adviseStack(err)
	}
	// From here on there is something to end, whatever goes wrong.
	if err := e.begin(s); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// adviseStack adds what makes a stack possible.
func adviseStack(err error) error {
	if errors.Is(err, pivtest.ErrMissing) {
		return emulator.Advise(err, "it needs the packages pcscd and vsmartcard-vpcd, and root or user namespaces")
	}
	return err
}

// begin inserts the cards and opens the control socket.
func (e *rig) begin(s *settings) error {
	e.inserted = make([]bool, len(e.cards))
	for i := range e.cards {
		// Each card has a reader of its own, in or out.
		if s.empty {
			break
		}
		if err := e.insert(i); err != nil {
			return err
		}
	}
	var err error
	if e.control, err = net.Listen("unix", e.controlPath()); err != nil {
		return fmt.Errorf("opening the control socket: %w", err)
	}
	e.orders.Go(e.obey)
	return nil
}

// controlPath is beside pcscd's socket, and as that for this user alone.
func (e *rig) controlPath() string {
	return filepath.Join(filepath.Dir(e.stack.Socket()), "control")
}

// environment is what its clients need, as NAME=VALUE.
func (e *rig) environment() []string {
	return []string{socketVariable + "=" + e.stack.Socket(), controlVariable + "=" + e.controlPath()}
}

// close ends the emulator.
func (e *rig) close() error {
	var err error
	if e.control != nil {
		err = e.control.Close()
	}
	// An order may be waiting for pcscd; without it, it ends.
	err = errors.Join(err, e.stack.Close())
	e.orders.Wait()
	return err
}

// insert puts a card into its reader.
func (e *rig) insert(card int) error {
	if err := e.stack.Insert(card, e.cards[card]); err != nil {
		return err
	}
	e.inserted[card] = true
	return nil
}

// pull takes a card out of its reader.
func (e *rig) pull(card int) error {
	if err := e.stack.Pull(card); err != nil {
		return err
	}
	e.inserted[card] = false
	return nil
}
