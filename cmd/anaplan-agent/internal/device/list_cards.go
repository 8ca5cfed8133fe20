package device

// Cards in the listing. What a card says about itself comes from its firmware and from other
// programs, so it is as foreign as a token's text.

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/piv"
)

// writeCard writes a card and its keys. One that could not be opened has no name.
func writeCard(text *strings.Builder, card ListedCard) {
	fmt.Fprintf(text, "card %s%s, in reader %q%s\n", cmp.Or(card.Name, "of an unknown kind"), Firmware(card), card.Reader, triesState(card.Tries))
	if card.Name != "" {
		fmt.Fprintf(text, "  %s\n", card.Address)
	}
	if card.Err != nil {
		fmt.Fprintf(text, "  cannot be read: %s\n", console.OneLine(card.Err.Error()))
	}
	for _, key := range card.Keys {
		writeCardKey(text, card.judged(key))
	}
	if len(card.Keys) == 0 && card.Err == nil {
		writeNoKeys(text, card)
	}
}

// writeNoKeys says what to type next: a card without keys is a new one most often. Empty
// slots are not listed one by one, for there are 24.
func writeNoKeys(text *strings.Builder, card ListedCard) {
	switch {
	case card.Untold != nil:
		fmt.Fprintf(text, "  no key shows: %s\n", console.OneLine(card.Untold.Error()))
	case card.slot != 0:
		fmt.Fprintf(text, "  no key in slot %s\n", card.slot)
	default:
		text.WriteString("  no keys\n")
	}
	if card.ReadOnly != nil {
		fmt.Fprintf(text, "  %s\n", console.OneLine(card.ReadOnly.Error()))
	}
	for _, step := range KeyOnCard(card.Card, card.slot) {
		fmt.Fprintf(text, "  %s\n", step)
	}
}

// What keeps a key from logging in that has nothing wrong with itself.
var (
	errPINBlocked = errors.New("the card's PIN is blocked; its PUK sets a new one: ykman piv access unblock-pin (or yubico-piv-tool -a unblock-pin)")
	errNotRead    = errors.New("the card failed before it was read to its end")
)

// judged returns a key with what is wrong with its card, if nothing is with the key.
func (c ListedCard) judged(key piv.KeyInfo) piv.KeyInfo {
	switch {
	case key.Problem != nil:
	case c.Err != nil:
		key.Problem = errNotRead
	case c.Tries == 0 && key.WantsPIN():
		key.Problem = errPINBlocked
	}
	return key
}

// Firmware says which version a card has, as far as it tells.
func Firmware(card ListedCard) string {
	if card.Firmware == "" {
		return ""
	}
	return ", firmware " + card.Firmware
}

// triesState is how many wrong PINs are left, in capitals once care is needed: 0 and 1
// are what the next careless try leads to, as with tokenState.
func triesState(tries int) string {
	switch {
	case tries == 0:
		return ", PIN BLOCKED"
	case tries == 1:
		return ", ONE PIN TRY LEFT"
	case tries > 1:
		return fmt.Sprintf(", %d PIN tries left", tries)
	}
	return "" // the card does not tell
}

// writeCardKey writes a key and whether it can log in.
func writeCardKey(text *strings.Builder, key piv.KeyInfo) {
	writeUse(text, "in slot "+key.Address.Slot.String(), key.Certificate, key.Problem, unseen(key))
	fmt.Fprintf(text, "    %s%s\n    %s\n", console.OneLine(key.Type), CardKeyState(key), key.Address)
	writeCertificate(text, key.Certificate)
}

// unseen returns why nobody knows whether a key is there before it signs; "" if somebody does. Cards
// that know the standard only tell nothing of keys, and of an empty slot its certificate.
func unseen(key piv.KeyInfo) string {
	if told := key.Public != nil || key.PIN != "" || key.Generated; told || key.Problem != nil {
		return ""
	}
	return "the card does not tell whether it has the key of this certificate; a signature shows it: " +
		shell.Join(build.Program, "sign", "--key", key.Address.String(), "--output", "FILE")
}

// CardKeyState says what using the key takes, as far as the card tells. It mentions touches only if
// a job at night would wait for them, and a key without a PIN, because anybody with the card can
// use it.
func CardKeyState(key piv.KeyInfo) string {
	var state string
	if key.Generated {
		state = ", made on the card"
	}
	switch key.PIN {
	case piv.PINNever:
		state += ", asks for no PIN"
	case piv.PINOnce, piv.PINAlways:
		state += ", PIN " + string(key.PIN)
	}
	switch key.Touch {
	case piv.TouchAlways, piv.TouchCached:
		state += ", touch " + string(key.Touch)
	}
	return state
}

// The JSON of cards, in one list with the tokens; an address that begins with "piv:"
// tells them. Fields that both have mean the same, so that a script that looks for keys
// that can log in need not know of cards. Serial numbers are texts for the same reason:
// tokens have letters in theirs.
type (
	CardEntry struct {
		Address  string         `json:"address"`
		Name     string         `json:"name,omitempty"`
		Reader   string         `json:"reader"`
		Serial   string         `json:"serial,omitempty"`
		Firmware string         `json:"firmware,omitempty"`
		PINTries *int           `json:"pin_tries,omitempty"` // left; absent where the card does not tell
		Problem  string         `json:"problem,omitempty"`
		ReadOnly string         `json:"read_only,omitempty"` // why nothing is put on it from here
		Untold   string         `json:"untold,omitempty"`    // why there may be keys that are not listed
		Keys     []cardKeyEntry `json:"keys"`
	}
	cardKeyEntry struct {
		Address     string            `json:"address"`
		Slot        string            `json:"slot"`
		Type        string            `json:"type"`
		CanLogIn    bool              `json:"can_log_in"`
		Unseen      string            `json:"unseen,omitempty"`  // why that is not certain
		Problem     string            `json:"problem,omitempty"` // why it cannot log in
		PINPolicy   string            `json:"pin_policy,omitempty"`
		TouchPolicy string            `json:"touch_policy,omitempty"`
		Generated   *bool             `json:"generated,omitempty"` // absent where the card does not tell
		Certificate *certificateEntry `json:"certificate,omitempty"`
		Doubts      []string          `json:"doubts,omitempty"`
	}
)

// newCardEntry returns a card for programs.
func newCardEntry(card ListedCard) CardEntry {
	entry := CardEntry{
		Address: card.Address.String(), Name: card.Name, Reader: card.Reader, Firmware: card.Firmware,
		Problem: errorText(card.Err), ReadOnly: errorText(card.ReadOnly), Keys: []cardKeyEntry{},
	}
	if card.Untold != nil {
		entry.Untold = card.Untold.Error()
	}
	if card.Address.Serial != 0 {
		entry.Serial = strconv.FormatUint(uint64(card.Address.Serial), 10)
	}
	if card.Tries >= 0 { // 0 is blocked, so it must not stand for "not known"
		entry.PINTries = &card.Tries
	}
	for _, key := range card.Keys {
		entry.Keys = append(entry.Keys, newCardKeyEntry(card.judged(key)))
	}
	return entry
}

// newCardKeyEntry returns a key of a card for programs.
func newCardKeyEntry(key piv.KeyInfo) cardKeyEntry {
	entry := cardKeyEntry{
		Address: key.Address.String(), Slot: key.Address.Slot.String(), Type: key.Type,
		CanLogIn: key.Problem == nil, Unseen: unseen(key), Problem: errorText(key.Problem),
		PINPolicy: string(key.PIN), TouchPolicy: string(key.Touch),
	}
	if key.Generated || key.PIN != "" { // it tells both or neither
		entry.Generated = &key.Generated
	}
	if key.Certificate != nil {
		cert := newCertificateEntry(hsm.CertificateInfo{Certificate: key.Certificate})
		entry.Certificate = &cert
		entry.Doubts = agent.Doubts(key.Certificate)
	}
	return entry
}
