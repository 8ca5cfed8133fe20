//go:build cgo

package piv_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// TestFirstSelect: a card that answers the first SELECT as if it had no PIV application, but not by
// the word for that, is asked again after a moment.
func TestFirstSelect(t *testing.T) {
	d := newDesk(t)
	key := testKey(t, "a", 2048)
	for _, sw := range []uint16{0x6700, 0x6f00, 0x6985, 0x6e00, 0x6999} {
		t.Run(fmt.Sprintf("%04X", sw), func(t *testing.T) {
			card := d.put(t, pivtest.Options{PIN: pin, Quirks: pivtest.Quirks{FirstSelect: sw}})
			pair(t, card, 0x9c, key, pivtest.Policy{PIN: always, Touch: touchNever})
			mustLogin(t, "piv:", with(pin), key)
			if got := card.Commands()[0]; got.SW != sw {
				t.Errorf("the first command was answered by %04X", got.SW)
			}
			d.free(t)
		})
	}
}

// TestNeverSelected: a card that goes on so is given up after a moment, as one that does not work,
// and is in nobody's way.
func TestNeverSelected(t *testing.T) {
	d := newDesk(t)
	card := d.usual(t)
	card.Inject(pivtest.Fault{INS: 0xa4, SW: 0x6f00, Times: -1})
	began := time.Now()
	_, err := login(t, "piv:", with(pin))
	wantError(t, err, piv.ErrDevice, "its PIV application does not start: opening the card: it failed and does not say why (6F00)")
	if took := time.Since(began); took > time.Minute || !piv.Transient(err) {
		t.Errorf("after %s: transient %v", took, piv.Transient(err))
	}
	d.free(t)
	key := testKey(t, "b", 2048)
	second := newCard(t, pivtest.Options{Serial: 77, PIN: pin})
	pair(t, second, 0x9c, key, pivtest.Policy{PIN: always, Touch: touchNever})
	d.Insert(1, second)
	told := &told{}
	options := with(pin)
	options.Tell = told.tell
	mustLogin(t, "piv:", options, key)
	_, err = login(t, "piv:serial=78", with(pin))
	wantError(t, err, piv.ErrNoCard, "there is YubiKey 77")
	if notices := told.list(); len(notices) > 0 {
		t.Errorf("told %v, though no other program has the card", notices)
	}
	cards, err := piv.List(t.Context(), pivuri.URI{}, piv.Options{Time: noon})
	if err != nil || len(cards) != 2 {
		t.Errorf("%v, %+v", err, cards)
	}
}
