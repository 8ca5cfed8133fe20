//go:build linux && cgo

package piv_test

import (
	"context"
	"errors"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// TestPINAnswers: what a card answers to a PIN, or does not, and what the PIN's guard is told.
// Whatever it is, the PIN is sent once.
func TestPINAnswers(t *testing.T) {
	const wrong = "135791"
	d := newDesk(t)
	for name, test := range map[string]struct {
		fault   pivtest.Fault
		pulled  bool
		pin     string
		signs   bool
		taken   bool // the guard is told that the card took the PIN
		refused bool // or that it did not
		unclear int  // or that nobody knows, and the tries that are left afterwards; 0: it is not told so
		counted int  // wrong PINs that the card compared
	}{
		"right":                      {pin: pin, signs: true, taken: true},
		"wrong":                      {pin: wrong, refused: true, counted: 1},
		"6F00, and it did nothing":   {fault: pivtest.Fault{SW: 0x6f00}, pin: wrong, unclear: 3},
		"6982, and it did nothing":   {fault: pivtest.Fault{SW: 0x6982}, pin: pin, unclear: 3},
		"6985, and it did nothing":   {fault: pivtest.Fault{SW: 0x6985}, pin: pin, unclear: 3},
		"6D00, and it did nothing":   {fault: pivtest.Fault{SW: 0x6d00}, pin: pin, unclear: 3},
		"6700, and it did nothing":   {fault: pivtest.Fault{SW: 0x6700}, pin: pin, unclear: 3},
		"6A80, and it did nothing":   {fault: pivtest.Fault{SW: 0x6a80}, pin: pin, unclear: 3},
		"6700, of four digits":       {fault: pivtest.Fault{SW: 0x6700}, pin: "1234", refused: true},
		"6A80, of letters":           {fault: pivtest.Fault{SW: 0x6a80}, pin: "secret", refused: true},
		"half an answer":             {fault: pivtest.Fault{Answer: []byte{0x90}}, pin: pin, unclear: 3},
		"6F00, and it has counted":   {fault: pivtest.Fault{AfterSW: 0x6f00}, pin: wrong, refused: true, counted: 1},
		"6982, and it has counted":   {fault: pivtest.Fault{AfterSW: 0x6982}, pin: wrong, refused: true, counted: 1},
		"6F00, and it was right":     {fault: pivtest.Fault{AfterSW: 0x6f00}, pin: pin, signs: true, taken: true},
		"pulled after it":            {pulled: true, pin: wrong, unclear: -1, counted: 1},
		"pulled after the right one": {pulled: true, pin: pin, unclear: -1},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.usual(t)
			test.fault.INS, test.fault.WithData = 0x20, true
			if test.pulled {
				pulled := make(chan struct{})
				test.fault.After = func() { d.Pull(0); close(pulled) }
				defer func() {
					<-pulled
					d.Insert(0, &d.bay)
				}()
			}
			card.Inject(test.fault)
			var answers []error
			options := piv.Options{Time: noon, PIN: func(context.Context, hardware.PINRequest) (hardware.PIN, error) {
				return hardware.PIN{Value: []byte(test.pin), Guard: func(_ hardware.Secret, send func() error) error {
					err := send()
					answers = append(answers, err)
					return err
				}}, nil
			}}
			_, err := login(t, "piv:slot=9c", options)
			if (err == nil) != test.signs {
				t.Errorf("it signs: %v", err)
			}
			if len(answers) != 1 || card.WrongPINs() != test.counted || sentPINs(card) > 1 {
				t.Fatalf("sent %d times by the guard, %d to the card, %d compared and wrong", len(answers), sentPINs(card), card.WrongPINs())
			}
			_, refused := errors.AsType[*hardware.PINError](answers[0])
			unclear, isUnclear := errors.AsType[*hardware.PINUnclearError](answers[0])
			if (answers[0] == nil) != test.taken || refused != test.refused || isUnclear != (test.unclear != 0) {
				t.Errorf("the guard is told %v", answers[0])
			}
			if isUnclear && (unclear.Before != hardware.TryCounter(3) || unclear.After != hardware.TryCounter(test.unclear) || !errors.Is(err, answers[0]) || !piv.Transient(err)) {
				t.Errorf("the guard is told %+v, the caller %v", unclear, err)
			}
		})
	}
}

// sentPINs returns how many commands the card has had that carry a PIN.
func sentPINs(card *pivtest.Card) (n int) {
	for _, c := range card.Commands() {
		if c.INS == 0x20 && c.Length > 0 {
			n++
		}
	}
	return n
}

// TestGuardRefuses: a guard that does not send ends the call, and the card hears nothing.
func TestGuardRefuses(t *testing.T) {
	d := newDesk(t)
	card := d.usual(t)
	refusal := errors.New("nothing can be written down")
	_, err := login(t, "piv:slot=9c", piv.Options{Time: noon, PIN: func(context.Context, hardware.PINRequest) (hardware.PIN, error) {
		return hardware.PIN{Value: []byte(pin), Guard: func(hardware.Secret, func() error) error { return refusal }}, nil
	}})
	if !errors.Is(err, refusal) || sentPINs(card) != 0 {
		t.Errorf("%v, %d PINs sent", err, sentPINs(card))
	}
	d.free(t)
}
