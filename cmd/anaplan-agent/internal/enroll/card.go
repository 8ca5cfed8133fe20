package enroll

// What enroll does with YubiKeys only.

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/spf13/cobra"
)

// CardFlags is what the flags of enroll say that are for cards only.
type CardFlags struct {
	pinPolicy, attestation     string
	TouchPolicy, ManagementKey string
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
	flags.StringVar(&c.TouchPolicy, "touch-policy", "", "YubiKey: when the new key wants a touch: "+strings.Join(device.TouchPolicies, ", ")+" (default never)")
	flags.StringVar(&c.ManagementKey, "management-key", "", "YubiKey: where its management key comes from: prompt, protected (by the PIN), file:PATH or env:NAME, in hexadecimal; never the key itself (default: the factory's, else protected, else prompt)")
	cmd.RegisterFlagCompletionFunc("pin-policy", cobra.FixedCompletions(device.PINPolicies, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("touch-policy", cobra.FixedCompletions(device.TouchPolicies, cobra.ShellCompDirectiveNoFileComp))
}

// Given returns the first of the flags that is given; "" for none.
func (c CardFlags) Given() string {
	switch {
	case c.pinPolicy != "":
		return "--pin-policy"
	case c.TouchPolicy != "":
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
	case c.TouchPolicy != "" && !slices.Contains(device.TouchPolicies, c.TouchPolicy):
		return fmt.Errorf("--touch-policy %q: it is one of %s", c.TouchPolicy, strings.Join(device.TouchPolicies, ", "))
	case e.Certificate != "" && c.attestation != "":
		return errors.New("--attestation is for the request; --certificate stores the CA's answer")
	case (e.Certificate != "" || e.ReuseKey || e.login || e.Resume) && c.pinPolicy+c.TouchPolicy != "":
		return errors.New("--pin-policy and --touch-policy are for a new key; a key that is there keeps its own")
	case e.ReuseKey && c.ManagementKey != "":
		return errors.New("--management-key is for a new key; --reuse-key writes nothing to the card")
	case c.attestation != "" && !e.Resume && console.IsTaken(c.attestation): // else it may be the key's
		return fmt.Errorf("--attestation %s: the file exists and is not overwritten", c.attestation)
	}
	return nil
}

// keySpec returns what the flags say of a new key.
func (c CardFlags) keySpec() device.KeySpec {
	return device.KeySpec{PINPolicy: c.pinPolicy, TouchPolicy: c.TouchPolicy, ManagementKey: c.ManagementKey, Attested: c.attestation != ""}
}

// attest writes the device's certificates of the key to a file, the key's first. Without
// a file it says how to get them, where there are any.
func attest(r *device.Run, place device.Attester, path, key string) error {
	certs, doubt, err := place.Attest(r.Ctx)
	if path == "" {
		if err == nil {
			r.Say.Note("if your CA asks for proof that the key was made on the card: %s enroll --key %s --email YOU --reuse-key --attestation FILE", build.Program, shell.Quote(key))
		}
		return nil
	}
	if err != nil {
		return err
	}
	if console.IsTaken(path) && holdsAttestation(path, certs) {
		r.Say.Note("%s has the key's attestation already", path)
		return nil
	}
	// In the order in which TLS and CMS have chains, so that openssl verify and CAs' forms
	// take the one file. The root is Yubico's and is not in it: a CA has it from there.
	text := encodeChain(certs)
	if err := console.WriteNew(r.Ctx, path, text); err != nil {
		return fmt.Errorf("attestation: %w", err)
	}
	// This is not a failure: cards that a company makes itself lead to its own root.
	if doubt != nil {
		r.Say.Warn("wrote the attestation to %s, which will not convince a CA: %v", path, doubt)
		return nil
	}
	r.Say.Note("wrote the attestation to %s: it leads to a root of Yubico's, and proves to your CA that the key was made on the card", path)
	return nil
}

// holdsAttestation reports whether a file has an attestation of the same key by the same card, as an
// interrupted call leaves it. A card signs the same in other words each time.
func holdsAttestation(path string, certs []*x509.Certificate) bool {
	there, err := device.ReadCertificates(path)
	if err != nil {
		return false
	}
	key, ok := certs[0].PublicKey.(*rsa.PublicKey)
	return ok && key.Equal(there[0].PublicKey) && slices.EqualFunc(certs[1:], there[1:], (*x509.Certificate).Equal)
}

// flagsForStoring returns the flags that storing the certificate needs too. The place of the
// management key is not a secret; the flag never contains the key (device.ParseManagementKey).
func flagsForStoring(managementKey string) string {
	if managementKey == "" {
		return ""
	}
	return " --management-key " + shell.Quote(managementKey)
}
