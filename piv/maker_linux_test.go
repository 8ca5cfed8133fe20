//go:build cgo

package piv_test

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// seat puts a new card into the first reader for the rest of the test. pcscd sees the change, and
// with it the ATR.
func seat(t *testing.T, s *pivtest.Stack, options pivtest.Options) *pivtest.Card {
	t.Helper()
	card := newCard(t, options)
	if err := s.Insert(0, card); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Pull(0); err != nil {
			t.Error(err)
		}
	})
	return card
}

// TestNames: a card of another maker is called what it is.
func TestNames(t *testing.T) {
	s := newStack(t, pivtest.StackOptions{})
	for maker, want := range map[pivtest.Maker]string{
		pivtest.Yubico:    "YubiKey 77",
		pivtest.CanoKey:   "CanoKey 77",
		pivtest.PivApplet: "PivApplet 77",
	} {
		t.Run(want, func(t *testing.T) {
			seat(t, s, pivtest.Options{Maker: maker, Serial: 77})
			cards, err := piv.List(t.Context(), pivuri.URI{}, piv.Options{Time: noon})
			if err != nil || len(cards) != 1 || cards[0].Name != want {
				t.Errorf("%v, %+v", err, cards)
			}
		})
	}
}
