//go:build unix

package pin

import (
	"errors"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

func TestRequests(t *testing.T) {
	card := func(slot pivuri.Slot, tries int) Request {
		return cardRequest(piv.PINRequest{Card: "YubiKey 7", Serial: 7, Slot: slot, Tries: tries})
	}
	const blocks = "blocks the PIN of YubiKey 7, which then only the PUK unblocks"
	tests := []struct {
		request           Request
		question, lastTry string
	}{
		{tokenRequest(hsm.PINRequest{Token: "demo"}), `PIN for token "demo"`, ""},
		{tokenRequest(hsm.PINRequest{Token: "demo", Key: "k"}), `PIN for key "k" on token "demo" (it asks at each signature)`, ""},
		{
			tokenRequest(hsm.PINRequest{Token: "demo", State: hsm.PINLow}),
			`PIN for token "demo" (the last PIN was wrong; the token may lock after a few)`, "",
		},
		{tokenRequest(hsm.PINRequest{Token: "demo", State: hsm.PINFinalTry}), `PIN for token "demo" (LAST TRY)`, `locks token "demo"`},
		{card(pivuri.Signature, 3), "PIN for YubiKey 7, slot 9c (3 tries left)", ""},
		{card(0, 2), "PIN for YubiKey 7 (2 tries left)", ""},
		{card(pivuri.Signature, -1), "PIN for YubiKey 7, slot 9c", ""},
		{card(pivuri.Signature, 1), "PIN for YubiKey 7, slot 9c (LAST TRY)", blocks},
	}
	for _, test := range tests {
		if got := test.request; got.question != test.question || got.lastTry != test.lastTry {
			t.Errorf("got %q and %q, want %q and %q", got.question, got.lastTry, test.question, test.lastTry)
		}
	}
}

// A card that refused a PIN is told from others by its serial number, and the refusal
// names it as a card.
func TestRefusedByCard(t *testing.T) {
	t.Setenv("DEMO_PIN", "999999")
	first, _ := newAsker(t, config.PINEnv, "DEMO_PIN")
	request := piv.PINRequest{Card: "YubiKey 7", Serial: 7, Tries: 3}
	if _, err := first.ForCard(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	first.Settle(&piv.PINError{Card: "YubiKey 7"})
	next := &Asker{Source: first.Source, Memory: Refusals{Dir: first.Memory.Dir}, Pause: first.Pause, Say: first.Say}
	_, err := next.ForCard(t.Context(), request)
	if _, refused := errors.AsType[*RefusedError](err); !refused || !strings.HasPrefix(err.Error(), "YubiKey 7 refused the PIN from env:DEMO_PIN on ") {
		t.Errorf("got %v", err)
	}
	if _, err := next.ForCard(t.Context(), piv.PINRequest{Card: "YubiKey 8", Serial: 8, Tries: 3}); err != nil {
		t.Errorf("another card: %v", err)
	}
	if _, err := next.ForToken(t.Context(), hsm.PINRequest{Token: "YubiKey 7", Serial: "7"}); err != nil {
		t.Errorf("a token of that name: %v", err)
	}
}

func TestCardPINLength(t *testing.T) {
	for pin, fits := range map[string]bool{"12345": false, "123456": true, "12345678": true, "123456789": false} {
		t.Setenv("DEMO_PIN", pin)
		a, _ := newAsker(t, config.PINEnv, "DEMO_PIN")
		a.Keep = true
		got, err := a.ForCard(t.Context(), piv.PINRequest{Card: "YubiKey 7", Tries: 3})
		if fits && (err != nil || string(got) != pin) || !fits && (!errors.Is(err, ErrLength) || strings.Contains(err.Error(), pin)) {
			t.Errorf("%d characters: %v", len(pin), err)
		}
		if !fits && a.kept != nil {
			t.Errorf("%d characters are kept", len(pin))
		}
	}
}

// Both packages of devices know that there is no PIN.
func TestPINNeeded(t *testing.T) {
	a, _ := newAsker(t, config.PINNone, "")
	_, err := a.ForCard(t.Context(), piv.PINRequest{Card: "YubiKey 7", Tries: 3})
	if !errors.Is(err, piv.ErrPINNeeded) || !errors.Is(err, hsm.ErrPINNeeded) || errors.Is(err, piv.ErrNoCard) {
		t.Errorf("got %v", err)
	}
}
