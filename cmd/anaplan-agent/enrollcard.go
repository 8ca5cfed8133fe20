package main

// The way of a key onto a card: what enroll does with YubiKeys that tokens have not.

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
	"github.com/spf13/cobra"
)

// defaultSlot is the slot that new keys are advised to be in: that for signatures, whose
// PIN is wanted for each one and unlocks nothing for others.
const defaultSlot = pivuri.Signature

// The values of --pin-policy and --touch-policy. "default" is the slot's own.
var (
	pinPolicies   = []string{"default", "never", "once", "always"}
	touchPolicies = []string{"never", "always", "cached"}
)

// cardEnrolment is what the flags of enroll say that are for cards only.
type cardEnrolment struct {
	pinPolicy, touchPolicy     string
	managementKey, attestation string
}

// addFlags gives cmd the flags. They are no settings: they are said once in the life of
// a key.
func (c *cardEnrolment) addFlags(cmd *cobra.Command) {
	c.addWriteFlags(cmd)
	cmd.Flags().StringVar(&c.attestation, "attestation", "", "YubiKey: write its certificates that the key was made on it to this new file")
}

// addWriteFlags gives cmd those that are for any new key, wherever it was made.
func (c *cardEnrolment) addWriteFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&c.pinPolicy, "pin-policy", "", "YubiKey: when the new key wants the PIN: "+strings.Join(pinPolicies, ", ")+" (default: always in slot 9c, never in 9e, once in others)")
	flags.StringVar(&c.touchPolicy, "touch-policy", "", "YubiKey: when the new key wants a touch: "+strings.Join(touchPolicies, ", ")+" (default never)")
	flags.StringVar(&c.managementKey, "management-key", "", "YubiKey: where its management key comes from: prompt, protected (by the PIN), file:PATH or env:NAME, in hexadecimal; never the key itself (default: the factory's, else protected, else prompt)")
	cmd.RegisterFlagCompletionFunc("pin-policy", cobra.FixedCompletions(pinPolicies, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("touch-policy", cobra.FixedCompletions(touchPolicies, cobra.ShellCompDirectiveNoFileComp))
}

// given returns the first of the flags that is given; "" for none.
func (c cardEnrolment) given() string {
	switch {
	case c.pinPolicy != "":
		return "--pin-policy"
	case c.touchPolicy != "":
		return "--touch-policy"
	case c.managementKey != "":
		return "--management-key"
	case c.attestation != "":
		return "--attestation"
	}
	return ""
}

// check finds wrong calls before the card is touched, as enrolment.check does.
func (c cardEnrolment) check(e enrolment) error {
	if _, err := parseManagementKey(c.managementKey); err != nil {
		return fmt.Errorf("--management-key: %w", err)
	}
	// Policies cannot be changed once the key is there, and the card would not say that it
	// has left one out.
	switch {
	case c.pinPolicy != "" && !slices.Contains(pinPolicies, c.pinPolicy):
		return fmt.Errorf("--pin-policy %q: it is one of %s", c.pinPolicy, strings.Join(pinPolicies, ", "))
	case c.touchPolicy != "" && !slices.Contains(touchPolicies, c.touchPolicy):
		return fmt.Errorf("--touch-policy %q: it is one of %s", c.touchPolicy, strings.Join(touchPolicies, ", "))
	case e.certificate != "" && c.attestation != "":
		return errors.New("--attestation is for the request; --certificate stores what the CA has sent")
	case (e.certificate != "" || e.reuseKey || e.login || e.resume) && c.pinPolicy+c.touchPolicy != "":
		return errors.New("--pin-policy and --touch-policy are for a new key; a key that is there keeps its own")
	case e.reuseKey && c.managementKey != "":
		return errors.New("--management-key is for a new key; --reuse-key writes nothing to the card")
	case c.attestation != "" && isTaken(c.attestation):
		return fmt.Errorf("--attestation %s: the file is there already, and is not overwritten", c.attestation)
	}
	return nil
}

// slotFor returns the address of the key with the slot that must be named and the card's
// serial number. Which slot is for a person to say: other programs take each for what the
// standard means it for, such as 9a for logging in to this computer.
func (r *deviceRun) slotFor(e enrolment, address pivuri.URI) (config.Address, error) {
	if !e.reuseKey && address.Slot == 0 {
		suggested := address
		suggested.Slot = defaultSlot
		return nil, fmt.Errorf("%w: --key %s: the new key needs a slot, as in %s", errSettings, address, suggested)
	}
	return r.withSerial(address), nil
}

// makeCardKey makes a key on the card and returns its address.
func (r *deviceRun) makeCardKey(e enrolment, address pivuri.URI, before func() error) (config.Address, error) {
	spec := piv.KeySpec{Bits: cmp.Or(e.bits, defaultBits), PIN: piv.PINPolicy(e.card.pinPolicy), Touch: piv.TouchPolicy(e.card.touchPolicy), Before: before}
	if spec.PIN == "default" { // package piv knows the slots' own
		spec.PIN = ""
	}
	// Said before, because the card is silent for so long that people pull it out.
	r.say.Note("making an RSA key of %d bits on the card, which takes some seconds, for long keys a minute", spec.Bits)
	var key piv.KeyInfo
	err := r.alone(address, func() error {
		return r.writeCard(e.card.managementKey, address, func(options piv.Options) (err error) {
			key, err = piv.Generate(r.ctx, address, spec, options)
			return err
		})
	})
	return key.Address, err
}

// withSerial returns the address with the serial number of the only card that it fits:
// there may be a second card when the CA answers. It is as it was where there is none
// such, about which the next step has words.
func (r *deviceRun) withSerial(address pivuri.URI) pivuri.URI {
	cards, err := piv.List(r.ctx, address, r.device.cardOptions(address))
	if err == nil && len(cards) == 1 && cards[0].Err == nil {
		address.Serial = cards[0].Address.Serial
	}
	return address
}

// attest writes the card's certificates of the key to a file, the key's first. Without
// a file it says how to get them, where there are any.
func (r *deviceRun) attest(path string, address pivuri.URI) error {
	// The card signs it with a key of its own from the factory, and asks for no PIN.
	attestation, err := piv.Attest(r.ctx, address, r.device.cardOptions(address))
	if path == "" {
		if err == nil {
			r.say.Note("if your CA asks for proof that the key was made on the card: %s enroll --key %s --email YOU --reuse-key --attestation FILE", program, shellQuote(address.String()))
		}
		return nil
	}
	if err != nil {
		return err
	}
	// In the order in which TLS and CMS have chains, so that openssl verify and CAs' forms
	// take the one file. The root is Yubico's and is not in it: a CA has it from there.
	text := encodePEM("CERTIFICATE", attestation.Certificate.Raw)
	if attestation.Intermediate != nil {
		text += encodePEM("CERTIFICATE", attestation.Intermediate.Raw)
	}
	if err := writeNew(r.ctx, path, text); err != nil {
		return fmt.Errorf("attestation: %w", err)
	}
	// No failure: cards of a company's own making lead to the company's root.
	if attestation.Problem != nil {
		r.say.Warn("wrote the attestation to %s, which will not convince a CA: %v", path, attestation.Problem)
		return nil
	}
	r.say.Note("wrote the attestation to %s: it leads to a root of Yubico's, and proves to your CA that the key was made on the card", path)
	return nil
}

// flagsForStoring returns the flags that storing the certificate needs too. Where the
// management key is kept is no secret; the flag never holds the key (parseManagementKey).
func flagsForStoring(managementKey string) string {
	if managementKey == "" {
		return ""
	}
	return " --management-key " + shellQuote(managementKey)
}
