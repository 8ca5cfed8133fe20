package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/spf13/cobra"
)

const keysHelp = `keys lists the tokens, keys and certificates that fit the address, which of the
keys can log in, and why the others cannot. The addresses that it prints are
ready to copy into --key.

  anaplan-agent keys --key 'pkcs11:?module-name=softhsm2'
  anaplan-agent keys --key 'pkcs11:token=demo?module-path=/usr/lib/libvendor.so'

Tokens hide their private keys until somebody logs in. keys logs in where the
address names one token; --pin none shows what is to be seen without a PIN.`

// newKeysCommand returns the keys command.
func newKeysCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "list the keys and certificates of a device",
		Long:  keysHelp,
		Args:  noArguments,
	}
	settings := addSettings(cmd, deviceSettings)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = onDevice(settings, say, func(run *deviceRun) error {
		tokens, err := run.device.list(run.ctx)
		if err != nil {
			return err
		}
		if *asJSON {
			err = printJSON(listJSON(tokens))
		} else {
			err = printResult(listText(tokens))
		}
		return errors.Join(err, failure(tokens))
	})
	return cmd
}

// failure returns why the one token that the address names could not be read to
// its end. What there was to see has been printed.
func failure(tokens []hsm.Token) error {
	if len(tokens) != 1 {
		return nil
	}
	return tokens[0].Err
}

// list lists what fits the profile's addresses.
func (d *device) list(ctx context.Context) ([]hsm.Token, error) {
	if _, err := d.address(); err != nil {
		return nil, err
	}
	options, err := d.options()
	if err != nil {
		return nil, err
	}
	if d.profile.PIN.Kind == config.PINNone {
		options.PIN = nil
	}
	var tokens []hsm.Token
	for _, address := range d.profile.Keys {
		found, err := hsm.List(ctx, address, options)
		if err != nil {
			return nil, err
		}
		for i := range found {
			d.settleList(&found[i])
		}
		tokens = append(tokens, found...)
	}
	return tokens, nil
}

// settleList looks at the login to a token. Where nobody is there to be asked for
// a PIN, and none was set, what can be seen without one is no failure.
func (d *device) settleList(token *hsm.Token) {
	d.pin.settle(token.Err)
	if errors.Is(token.Err, errNoTerminal) && d.profile.PIN.Kind == "" {
		d.say.note("no terminal to ask for a PIN on: the private keys of token %q stay hidden (--pin says where the PIN is)", token.Label)
		token.Err = nil
	}
}

// listText returns the tokens for a person.
func listText(tokens []hsm.Token) string {
	var text strings.Builder
	for i, token := range tokens {
		if i > 0 {
			text.WriteByte('\n')
		}
		writeToken(&text, token)
	}
	return text.String()
}

func writeToken(text *strings.Builder, token hsm.Token) {
	fmt.Fprintf(text, "token %q: %s %s, serial %s, slot %d%s\n", token.Label, token.Manufacturer, token.Model, token.Serial, token.Slot, tokenState(token))
	fmt.Fprintf(text, "  %s\n", token.Address)
	if token.Err != nil {
		fmt.Fprintf(text, "  cannot be read: %v\n", token.Err)
	}
	for _, key := range token.Keys {
		writeKey(text, key)
	}
	if len(token.Keys) == 0 && token.Err == nil {
		fmt.Fprintf(text, "  no keys%s\n", hidden(token))
	}
	for _, cert := range token.Certificates {
		if cert.Note != "" {
			fmt.Fprintf(text, "  certificate %s\n    not used: %s\n", describe(cert.Certificate), cert.Note)
		}
	}
}

// tokenState is what a person must know of the token before using it.
func tokenState(token hsm.Token) string {
	var state string
	switch token.PIN {
	case hsm.PINLow:
		state = ", THE LAST PIN WAS WRONG"
	case hsm.PINFinalTry:
		state = ", ONE PIN TRY LEFT"
	case hsm.PINLocked:
		state = ", PIN LOCKED"
	}
	if token.ReadOnly {
		state += ", write-protected"
	}
	if token.PINPad {
		state += ", with PIN pad"
	}
	return state
}

// hidden says that a login would show more.
func hidden(token hsm.Token) string {
	if token.LoggedIn {
		return ""
	}
	return " to be seen without a PIN"
}

func writeKey(text *strings.Builder, key hsm.KeyInfo) {
	fmt.Fprintf(text, "  key %q: %s%s\n    %s\n", key.Label, key.Type, keyState(key), key.Address)
	if cert := key.Certificate; cert != nil {
		fmt.Fprintf(text, "    certificate %s\n", describe(cert))
	}
	if key.Problem != nil {
		fmt.Fprintf(text, "    cannot log in: %v\n", key.Problem)
		return
	}
	text.WriteString("    can log in\n")
	for _, doubt := range agent.Doubts(key.Certificate) {
		fmt.Fprintf(text, "    but Anaplan will probably refuse the certificate: %s\n", doubt)
	}
}

func keyState(key hsm.KeyInfo) string {
	var state string
	if key.NeverExtractable {
		state = ", made in the token and never outside"
	}
	if key.AlwaysAuthenticate {
		state += ", asks for the PIN at each signature"
	}
	return state
}

// The JSON of keys. Fields are added, never renamed or removed.
type (
	tokenEntry struct {
		Address      string             `json:"address"`
		Label        string             `json:"label"`
		Manufacturer string             `json:"manufacturer"`
		Model        string             `json:"model"`
		Serial       string             `json:"serial"`
		Slot         uint               `json:"slot"`
		LoggedIn     bool               `json:"loggedIn"`
		Problem      string             `json:"problem,omitempty"`
		Keys         []keyEntry         `json:"keys"`
		Certificates []certificateEntry `json:"certificates"`
	}
	keyEntry struct {
		Address          string            `json:"address"`
		Label            string            `json:"label"`
		ID               string            `json:"id"`
		Type             string            `json:"type"`
		CanLogIn         bool              `json:"canLogIn"`
		Problem          string            `json:"problem,omitempty"`
		NeverExtractable bool              `json:"neverExtractable"`
		Certificate      *certificateEntry `json:"certificate,omitempty"`
		Doubts           []string          `json:"doubts,omitempty"`
	}
	certificateEntry struct {
		Subject  string `json:"subject,omitempty"`
		Email    string `json:"email,omitempty"`
		NotAfter string `json:"notAfter,omitempty"`
		ID       string `json:"id,omitempty"`
		Note     string `json:"note,omitempty"`
	}
)

func listJSON(tokens []hsm.Token) []tokenEntry {
	entries := make([]tokenEntry, 0, len(tokens))
	for _, token := range tokens {
		entry := tokenEntry{
			Address: token.Address.String(), Label: token.Label, Manufacturer: token.Manufacturer, Model: token.Model,
			Serial: token.Serial, Slot: token.Slot, LoggedIn: token.LoggedIn, Problem: errorText(token.Err),
			Keys: []keyEntry{}, Certificates: []certificateEntry{},
		}
		for _, key := range token.Keys {
			entry.Keys = append(entry.Keys, newKeyEntry(key))
		}
		for _, cert := range token.Certificates {
			entry.Certificates = append(entry.Certificates, newCertificateEntry(cert))
		}
		entries = append(entries, entry)
	}
	return entries
}

func newKeyEntry(key hsm.KeyInfo) keyEntry {
	entry := keyEntry{
		Address: key.Address.String(), Label: key.Label, ID: hex.EncodeToString(key.ID), Type: key.Type,
		CanLogIn: key.Problem == nil, Problem: errorText(key.Problem), NeverExtractable: key.NeverExtractable,
	}
	if key.Certificate != nil {
		cert := newCertificateEntry(hsm.CertificateInfo{Certificate: key.Certificate})
		entry.Certificate = &cert
		entry.Doubts = agent.Doubts(key.Certificate)
	}
	return entry
}

func newCertificateEntry(info hsm.CertificateInfo) certificateEntry {
	entry := certificateEntry{ID: hex.EncodeToString(info.ID), Note: info.Note}
	if cert := info.Certificate; cert != nil {
		entry.Subject, entry.Email = cert.Subject.String(), agent.Email(cert)
		entry.NotAfter = cert.NotAfter.UTC().Format("2006-01-02T15:04:05Z07:00")
	}
	return entry
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
