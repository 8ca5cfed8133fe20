package enroll

// What enroll does with YubiKeys only.

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
	"github.com/spf13/cobra"
)

// CardFlags is what the flags of enroll say that are for cards only.
type CardFlags struct {
	pinPolicy, touchPolicy     string
	ManagementKey, attestation string
}

// AddFlags gives cmd the flags. They are not settings: they are given once in the life of a key.
func (c *CardFlags) AddFlags(cmd *cobra.Command) {
	c.AddWriteFlags(cmd)
	cmd.Flags().StringVar(&c.attestation, "attestation", "", "YubiKey: write its attestation that the key was made on it to this new file")
}

// AddWriteFlags gives cmd those that are for any new key, wherever it was made.
func (c *CardFlags) AddWriteFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&c.pinPolicy, "pin-policy", "", "YubiKey: when the new key wants the PIN: "+strings.Join(device.PINPolicies, ", ")+" (default: always in slot 9c, never in 9e, once in others)")
	flags.StringVar(&c.touchPolicy, "touch-policy", "", "YubiKey: when the new key wants a touch: "+strings.Join(device.TouchPolicies, ", ")+" (default never)")
	flags.StringVar(&c.ManagementKey, "management-key", "", "YubiKey: where its management key comes from: prompt, protected (by the PIN), file:PATH or env:NAME, in hexadecimal; never the key itself (default: the factory's, else protected, else prompt)")
	cmd.RegisterFlagCompletionFunc("pin-policy", cobra.FixedCompletions(device.PINPolicies, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("touch-policy", cobra.FixedCompletions(device.TouchPolicies, cobra.ShellCompDirectiveNoFileComp))
}

// Given returns the first of the flags that is given; "" for none.
func (c CardFlags) Given() string {
	switch {
	case c.pinPolicy != "":
		return "--pin-policy"
	case c.touchPolicy != "":
		return "--touch-policy"
	case c.ManagementKey != "":
		return "--management-key"
	case c.attestation != "":
		return "--attestation"
	}
	return ""
}

// check finds wrong calls before the card is touched, as Enrolment.Check does.
func (c CardFlags) check(e Enrolment) error {
	if _, err := device.ParseManagementKey(c.ManagementKey); err != nil {
		return fmt.Errorf("--management-key: %w", err)
	}
	// Policies cannot be changed once the key is there, and the card would not say that it
	// has left one out.
	switch {
	case c.pinPolicy != "" && !slices.Contains(device.PINPolicies, c.pinPolicy):
		return fmt.Errorf("--pin-policy %q: it is one of %s", c.pinPolicy, strings.Join(device.PINPolicies, ", "))
	case c.touchPolicy != "" && !slices.Contains(device.TouchPolicies, c.touchPolicy):
		return fmt.Errorf("--touch-policy %q: it is one of %s", c.touchPolicy, strings.Join(device.TouchPolicies, ", "))
	case e.Certificate != "" && c.attestation != "":
		return errors.New("--attestation is for the request; --certificate stores the CA's answer")
	case (e.Certificate != "" || e.ReuseKey || e.login || e.Resume) && c.pinPolicy+c.touchPolicy != "":
		return errors.New("--pin-policy and --touch-policy are for a new key; a key that is there keeps its own")
	case e.ReuseKey && c.ManagementKey != "":
		return errors.New("--management-key is for a new key; --reuse-key writes nothing to the card")
	case c.attestation != "" && console.IsTaken(c.attestation):
		return fmt.Errorf("--attestation %s: the file exists and is not overwritten", c.attestation)
	}
	return nil
}

// slotFor returns the address of the key with the slot that must be named and the card's serial
// number. The person must choose the slot: other programs use each for what the standard says, such
// as 9a for logging in to this computer.
func slotFor(r *device.Run, e Enrolment, address pivuri.URI) (config.Address, error) {
	if !e.ReuseKey && address.Slot == 0 {
		suggested := address
		suggested.Slot = device.DefaultSlot
		return nil, fmt.Errorf("%w: --key %s: the new key needs a slot, as in %s", settings.ErrSettings, address, suggested)
	}
	return WithSerial(r, address), nil
}

// makeCardKey makes a key on the card and returns its address.
func makeCardKey(r *device.Run, e Enrolment, address pivuri.URI, before func() error) (config.Address, error) {
	spec := piv.KeySpec{Bits: cmp.Or(e.Bits, DefaultBits), PIN: piv.PINPolicy(e.Card.pinPolicy), Touch: piv.TouchPolicy(e.Card.touchPolicy), Before: before}
	if spec.PIN == "default" { // package piv knows the slots' own
		spec.PIN = ""
	}
	// Said before, because the card is silent for so long that people pull it out.
	r.Say.Note("making an RSA key of %d bits on the card, which takes some seconds, for long keys a minute", spec.Bits)
	var key piv.KeyInfo
	err := alone(r, address, func() error {
		return r.WriteCard(e.Card.ManagementKey, address, func(options piv.Options) (err error) {
			key, err = piv.Generate(r.Ctx, address, spec, options)
			return err
		})
	})
	return key.Address, err
}

// WithSerial returns the address with the serial number of the only card that it fits: there may be
// a second card when the CA answers. Without one it returns the address unchanged, and the next
// step reports the error.
func WithSerial(r *device.Run, address pivuri.URI) pivuri.URI {
	cards, err := piv.List(r.Ctx, address, r.Device.CardOptions(address))
	if err == nil && len(cards) == 1 && cards[0].Err == nil {
		address.Serial = cards[0].Address.Serial
	}
	return address
}

// attest writes the card's certificates of the key to a file, the key's first. Without
// a file it says how to get them, where there are any.
func attest(r *device.Run, path string, address pivuri.URI) error {
	// The card signs it with a key of its own from the factory, and asks for no PIN.
	attestation, err := piv.Attest(r.Ctx, address, r.Device.CardOptions(address))
	if path == "" {
		if err == nil {
			r.Say.Note("if your CA asks for proof that the key was made on the card: %s enroll --key %s --email YOU --reuse-key --attestation FILE", build.Program, shell.Quote(address.String()))
		}
		return nil
	}
	if err != nil {
		return err
	}
	// In the order in which TLS and CMS have chains, so that openssl verify and CAs' forms
	// take the one file. The root is Yubico's and is not in it: a CA has it from there.
	text := device.EncodePEM("CERTIFICATE", attestation.Certificate.Raw)
	if attestation.Intermediate != nil {
		text += device.EncodePEM("CERTIFICATE", attestation.Intermediate.Raw)
	}
	if err := console.WriteNew(r.Ctx, path, text); err != nil {
		return fmt.Errorf("attestation: %w", err)
	}
	// This is not a failure: cards that a company makes itself lead to its own root.
	if attestation.Problem != nil {
		r.Say.Warn("wrote the attestation to %s, which will not convince a CA: %v", path, attestation.Problem)
		return nil
	}
	r.Say.Note("wrote the attestation to %s: it leads to a root of Yubico's, and proves to your CA that the key was made on the card", path)
	return nil
}

// flagsForStoring returns the flags that storing the certificate needs too. The place of the
// management key is not a secret; the flag never contains the key (device.ParseManagementKey).
func flagsForStoring(managementKey string) string {
	if managementKey == "" {
		return ""
	}
	return " --management-key " + shell.Quote(managementKey)
}
