//go:build cgo

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// ward is a clinic for cards.
type ward struct {
	*clinic
	stack *pivtest.Stack
}

// The policies of keys on cards, by their numbers there.
const (
	pinPolicyNever, pinPolicyOnce = 1, 2
	touchNever, touchAlways       = 1, 2
)

// newCardIn puts a new card into a reader, with a key and its certificate in slot 9c, and
// takes it out again when the test ends.
func (w *ward) newCardIn(t *testing.T, reader int, options pivtest.Options, policy pivtest.Policy) *pivtest.Card {
	t.Helper()
	card, err := pivtest.NewCard(options)
	if err != nil {
		t.Fatal(err)
	}
	key := hsmtest.RSAKey(t, "b")
	if !options.NoPIV {
		if err := card.PutKey(0x9c, key, policy); err != nil {
			t.Fatal(err)
		}
		cert, err := w.server.CA.IssueForKey(key.Public(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.server.RegisterCertificate(cert); err != nil {
			t.Fatal(err)
		}
		card.PutCertificate(0x9c, cert)
	}
	if err := w.stack.Insert(reader, card); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.stack.Pull(reader); err != nil {
			t.Error(err)
		}
	})
	return card
}

// newCardMachine returns a machine whose key is on a card.
func (w *ward) newCardMachine(t *testing.T) *machine {
	m := w.newMachine(t)
	m.profile["key"], m.profile["pin"], m.profile["timeout"] = "piv:slot=9c", "file:"+m.file("pin", scriptPIN), "60s"
	m.env["PCSCLITE_CSOCK_NAME"] = w.stack.Socket()
	return m
}

// brokenCards are set-ups with cards. options and policy are the card's; nocard: there is none.
var brokenCards = []struct {
	broken
	nocard  bool
	options pivtest.Options
	policy  pivtest.Policy
	card    func(*testing.T, *ward, *pivtest.Card)
}{
	{broken: broken{name: "no card", check: "device.card", severity: finding.Error, fragment: "keys --key piv:"}, nocard: true},
	{broken: broken{name: "no PIV on it", check: "device.card", severity: finding.Error, fragment: "ykman config usb --enable PIV"}, options: pivtest.Options{NoPIV: true}},
	{broken: broken{name: "held by another program", check: "device.busy", severity: finding.Error, fragment: "gpgconf --kill scdaemon"},
		card: func(t *testing.T, w *ward, _ *pivtest.Card) {
			release, err := w.stack.Hold(0, true)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(release)
		}},
	{broken: broken{name: "two cards", check: "device.card", severity: finding.Error, fragment: "piv:serial=87654321"},
		card: func(t *testing.T, w *ward, _ *pivtest.Card) {
			w.newCardIn(t, 1, pivtest.Options{Serial: 87654321, PIN: scriptPIN, PUK: "87654321"}, pivtest.Policy{})
		}},
	{broken: broken{name: "blocked", check: "device.pin", severity: finding.Error, fragment: "with the PUK"},
		card: func(_ *testing.T, _ *ward, card *pivtest.Card) { card.SetPINTriesLeft(0) }},
	{broken: broken{name: "last try", check: "device.pin", severity: finding.Error, fragment: "--pin prompt"},
		card: func(_ *testing.T, _ *ward, card *pivtest.Card) { card.SetPINTriesLeft(1) }},
	{broken: broken{name: "wrong one before", check: "device.pin", severity: finding.Warning, fragment: "look the PIN up"},
		card: func(_ *testing.T, _ *ward, card *pivtest.Card) { card.SetPINTriesLeft(2) }},
	{broken: broken{name: "PIN of the factory", check: "device.factory_pin", severity: finding.Error, fragment: "change-pin",
		do: func(m *machine) { m.args = []string{"--login=false"} }}, options: pivtest.Options{PUK: "87654321", PIN: "123456"}},
	{broken: broken{name: "PUK of the factory", check: "device.factory_pin", severity: finding.Warning, fragment: "change-puk"}, options: pivtest.Options{PIN: scriptPIN, PUK: "12345678"}},
	{broken: broken{name: "PUK of the factory, told in parts", check: "device.factory_pin", severity: finding.Warning, fragment: "change-puk"},
		options: pivtest.Options{PIN: scriptPIN, PUK: "12345678", Quirks: pivtest.Quirks{StrictLe: true, FirstSelect: 0x6f00}}},
	{broken: broken{name: "PUK of the factory, told by T=0", check: "device.factory_pin", severity: finding.Warning, fragment: "change-puk"},
		options: pivtest.Options{PIN: scriptPIN, PUK: "12345678", Maker: pivtest.CanoKey, Quirks: pivtest.Quirks{OnlyT0: true}}},
	{broken: broken{name: "empty slot", check: "device.key", severity: finding.Error, fragment: "slot=9c",
		do: func(m *machine) { m.profile["key"] = "piv:slot=9d" }}},
	{broken: broken{name: "PIN that is too long", check: "pin.source", severity: finding.Error, fragment: "PIV application",
		do: func(m *machine) { m.file("pin", "correct horse") }}},
	{broken: broken{name: "touch for a token file", check: "device.touch", severity: finding.Warning, fragment: "touch-policy never",
		do: func(m *machine) { m.profile["token_file"] = filepath.Join(m.home, "token") }},
		policy: pivtest.Policy{PIN: pinPolicyOnce, Touch: touchAlways}},
}

// TestDoctorWithCards examines set-ups whose key is on a card.
func TestDoctorWithCards(t *testing.T) {
	w := &ward{stack: pivtest.NewStack(t), clinic: newClinic(t)}
	t.Run("well", w.testWell)
	t.Run("well without PIN", func(t *testing.T) {
		w.newCardIn(t, 0, pivtest.Options{PIN: scriptPIN, PUK: "87654321"}, pivtest.Policy{PIN: pinPolicyNever, Touch: touchNever})
		m := w.newCardMachine(t)
		m.profile["pin"] = "prompt"
		m.writeConfig()
		findings, _ := m.examine()
		wantFinding(t, findings, "anaplan.login", finding.OK, "")
	})
	for _, broken := range brokenCards {
		t.Run(broken.name, func(t *testing.T) {
			m := w.newCardMachine(t)
			var card *pivtest.Card
			if !broken.nocard {
				if broken.options.PIN == "" {
					broken.options.PIN, broken.options.PUK = scriptPIN, "87654321"
				}
				card = w.newCardIn(t, 0, broken.options, broken.policy)
			}
			if broken.card != nil {
				broken.card(t, w, card)
			}
			if broken.do != nil {
				broken.do(m)
			}
			m.writeConfig()
			findings, _ := m.examine()
			wantFinding(t, findings, broken.check, broken.severity, broken.fragment)
			if card != nil && broken.severity == finding.Error && countOf(card, 0x20) > 0 {
				t.Errorf("a PIN was sent: %s", listed(findings))
			}
		})
	}
}

// testWell: of a card as it should be nothing is said, and no PIN but the login's is sent.
func (w *ward) testWell(t *testing.T) {
	card := w.newCardIn(t, 0, pivtest.Options{PIN: scriptPIN, PUK: "87654321"}, pivtest.Policy{})
	m := w.newCardMachine(t)
	m.writeConfig()
	findings, r := m.examine()
	for _, f := range findings {
		onlyChain := f.Check == "certificate.chain" // a card holds no CA's certificate
		if (f.Severity == finding.Warning || f.Severity == finding.Error) && !onlyChain {
			t.Errorf("%s: %s: %s", f.Severity, f.Check, f.What)
		}
	}
	for _, check := range []string{"device.service", "device.card", "device.factory_pin", "device.key", "anaplan.login"} {
		wantFinding(t, findings, check, finding.OK, "")
	}
	if n := countOf(card, 0x20); n != 1 {
		t.Errorf("%d PINs were sent, want 1", n)
	}
	if strings.Contains(r.stdout.String()+r.stderr.String(), scriptPIN) {
		t.Error("it shows the PIN")
	}
}
