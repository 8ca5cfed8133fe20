package device

// Where a card's management key comes from. Anybody who has it can replace the card's keys, so it
// is treated like a PIN, except that cards do not count wrong ones.

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/foreign"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// errManagementKeySource says that the place that the management key should come from did not give
// one.
var errManagementKeySource = errors.New("no management key available")

// protected is the --management-key that the card keeps under its PIN, where ykman
// puts it with --protect. It is not among the sources of a PIN.
const protected = "protected"

// ParseManagementKey reads --management-key; the zero source for "" and protected, which
// package piv does by itself. Since people put the key itself there, errors do not
// show the text.
func ParseManagementKey(text string) (config.PINSource, error) {
	if text == "" || text == protected {
		return config.PINSource{}, nil
	}
	source, err := config.ParsePINSource(text)
	if err == nil && slices.Contains([]string{config.PINPrompt, config.PINEnv, config.PINFile}, source.Kind) {
		return source, nil
	}
	return config.PINSource{}, errors.New("it is prompt, protected, env:NAME or file:PATH; the key itself must not be given here")
}

// writeCard has write go to the card, with the management key from where the flag
// says. Where it says nothing and neither the factory's nor a protected one does, a
// person is asked, if there is one.
func (d *Device) writeCard(managementKey string, address pivuri.URI, write func(piv.Options) error) error {
	source, err := ParseManagementKey(managementKey)
	if err != nil {
		return err
	}
	// A refused key costs nothing, but each call may ask for a touch; so the person is asked last.
	err = write(d.managementOptions(address, source))
	if managementKey != "" || !errors.Is(err, piv.ErrManagementKey) || !HasTerminal() {
		return err
	}
	return write(d.managementOptions(address, config.PINSource{Kind: config.PINPrompt}))
}

// managementOptions returns piv's options for writing. A person who is asked may be
// slow, as with the PIN.
func (d *Device) managementOptions(address pivuri.URI, source config.PINSource) piv.Options {
	options := d.cardOptions(address)
	if source.Kind == "" {
		return options
	}
	options.Slow = options.Slow || pin.Interactive(source)
	options.ManagementKey = func(ctx context.Context, request piv.ManagementKeyRequest) ([]byte, error) {
		return d.managementKey(ctx, source, request)
	}
	return options
}

// HasTerminal reports whether a person can be asked.
func HasTerminal() bool {
	terminal, err := console.OpenTerminal()
	if err != nil {
		return false
	}
	terminal.Close()
	return true
}

// managementKey gets the management key: hexadecimal, as ykman and yubico-piv-tool
// print and take it.
func (d *Device) managementKey(ctx context.Context, source config.PINSource, request piv.ManagementKeyRequest) ([]byte, error) {
	digits, err := d.Secret(ctx, source, "a management key", fmt.Sprintf("management key of %s (hexadecimal)", request.Card))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errManagementKeySource, err)
	}
	defer clear(digits)
	key, ok := parseHexKey(digits)
	if !ok {
		return nil, fmt.Errorf("%w: what %s gave is not hexadecimal", errManagementKeySource, source)
	}
	if err := foreign.Hide(); err != nil {
		clear(key)
		return nil, err
	}
	return key, nil
}

// parseHexKey reads hexadecimal digits, between which people and programs put colons, blanks and
// hyphens.
func parseHexKey(text []byte) (key []byte, ok bool) {
	digits := make([]byte, 0, len(text))
	defer func() { clear(digits) }()
	for _, b := range text {
		if !strings.ContainsRune(": -\t\r\n", rune(b)) {
			digits = append(digits, b)
		}
	}
	digits = bytes.TrimPrefix(digits, []byte("0x"))
	key = make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(key, digits); err != nil || len(key) == 0 {
		clear(key)
		return nil, false
	}
	return key, true
}

// DefaultSlot is the slot that new keys are advised to be in: that for signatures, whose
// PIN is wanted for each one and unlocks nothing for others.
const DefaultSlot = pivuri.Signature

// The values of --pin-policy and --touch-policy. "default" is the slot's own.
var (
	PINPolicies   = []string{"default", "never", "once", "always"}
	TouchPolicies = []string{"never", "always", "cached"}
)
