//go:build unix

package pin

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

func TestRequests(t *testing.T) {
	card := func(slot string, tries int) Request {
		return cardRequest(hardware.PINRequest{Device: "YubiKey 7", Serial: "7", Key: slot, Counter: hardware.TryCounter(tries)})
	}
	const blocks = "blocks the PIN of YubiKey 7, which then only the PUK unblocks"
	tests := []struct {
		request           Request
		question, lastTry string
	}{
		{tokenRequest(hardware.PINRequest{Device: "demo"}), `PIN for token "demo"`, ""},
		{tokenRequest(hardware.PINRequest{Device: "demo", Key: "k", Own: true}), `PIN for key "k" on token "demo" (it asks at each signature)`, ""},
		{
			tokenRequest(hardware.PINRequest{Device: "demo", Counter: hardware.FlagCounter(hardware.PINLow)}),
			`PIN for token "demo" (the last PIN was wrong; the token may lock after a few)`, "",
		},
		{tokenRequest(hardware.PINRequest{Device: "demo", Counter: hardware.FlagCounter(hardware.PINFinalTry)}), `PIN for token "demo" (LAST TRY)`, `locks token "demo"`},
		{card("9c", 3), "PIN for YubiKey 7, slot 9c (3 tries left)", ""},
		{card("", 2), "PIN for YubiKey 7 (2 tries left)", ""},
		{card("9c", -1), "PIN for YubiKey 7, slot 9c", ""},
		{card("9c", 1), "PIN for YubiKey 7, slot 9c (LAST TRY)", blocks},
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
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	ask := func(serial uint32) (hardware.PIN, error) {
		request := hardware.PINRequest{Device: fmt.Sprintf("YubiKey %d", serial), Serial: fmt.Sprint(serial), Counter: hardware.TryCounter(3)}
		return r.process().ForCard(pivuri.URI{Serial: serial})(t.Context(), request)
	}
	pin, err := ask(7)
	if err != nil {
		t.Fatal(err)
	}
	pin.Guard(hardware.DevicePIN, func() error { return &hardware.PINError{Text: "the PIN is wrong"} })
	if _, err = ask(7); err == nil || !strings.HasPrefix(err.Error(), "it refused the PIN from env:DEMO_PIN on ") {
		t.Errorf("got %v", err)
	}
	if _, err := ask(8); err != nil {
		t.Errorf("another card: %v", err)
	}
	if _, err := r.process().ForToken(named)(t.Context(), hardware.PINRequest{Device: "YubiKey 7", Serial: "7"}); err != nil {
		t.Errorf("a token of that name: %v", err)
	}
}

func TestCardPINLength(t *testing.T) {
	for text, fits := range map[string]bool{"12345": false, "123456": true, "12345678": true, "123456789": false} {
		t.Setenv("DEMO_PIN", text)
		a := newRig(t, config.PINEnv, "DEMO_PIN").process()
		a.Keep()
		got, err := a.ForCard(pivuri.URI{})(t.Context(), hardware.PINRequest{Device: "YubiKey 7", Counter: hardware.TryCounter(3)})
		if fits && (err != nil || string(got.Value) != text) || !fits && (!errors.Is(err, ErrLength) || strings.Contains(err.Error(), text)) {
			t.Errorf("%d characters: %v", len(text), err)
		}
		if !fits && a.kept.pin != nil {
			t.Errorf("%d characters are kept", len(text))
		}
	}
}

// What no PIN can be had for is told apart from what is wrong with the device.
func TestPINNeeded(t *testing.T) {
	a := newRig(t, config.PINNone, "").process()
	_, err := a.ForCard(pivuri.URI{})(t.Context(), hardware.PINRequest{Device: "YubiKey 7", Counter: hardware.TryCounter(3)})
	if !errors.Is(err, hardware.ErrPINNeeded) || errors.Is(err, piv.ErrNoCard) {
		t.Errorf("got %v", err)
	}
}

// TestNamedBySerial: a number of zeros names nobody's device.
func TestNamedBySerial(t *testing.T) {
	for device, want := range map[Device]bool{
		{Serial: "12345678", Card: true}: true,
		{Serial: "0", Card: true}:        false,
		{Serial: "", Card: true}:         false,
		{Serial: "17a0"}:                 true,
		{Serial: "17a0", Card: true}:     false,
		{Serial: "0000000000000000"}:     false,
		{Serial: ""}:                     false,
	} {
		if got := device.named() != ""; got != want {
			t.Errorf("%+v: %v, want %v", device, got, want)
		}
	}
}
