package device

// The listing of devices for programs. It is a shape of its own and not that of
// hsm's and piv's types, so that these can change without a script noticing.

import (
	"encoding/hex"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/hsm"
)

// The JSON of keys, which docs/schema/keys.json describes.
type (
	TokenEntry struct {
		Address      string `json:"address"`
		Label        string `json:"label"`
		Manufacturer string `json:"manufacturer"`
		Model        string `json:"model"`
		Serial       string `json:"serial"`
		Slot         uint   `json:"slot"`
		LoggedIn     bool   `json:"logged_in"`

		WriteProtected bool `json:"write_protected,omitempty"`

		Problem      string             `json:"problem,omitempty"`
		Keys         []keyEntry         `json:"keys"`
		Certificates []certificateEntry `json:"certificates"`
	}
	keyEntry struct {
		Address          string            `json:"address"`
		Label            string            `json:"label"`
		ID               string            `json:"id"`
		Type             string            `json:"type"`
		CanLogIn         bool              `json:"can_log_in"`
		Unseen           string            `json:"unseen,omitempty"`            // why that is not certain
		Problem          string            `json:"problem,omitempty"`           // why it cannot log in
		NeverExtractable bool              `json:"never_extractable,omitempty"` // absent: it may have been outside, or the token does not tell
		Certificate      *certificateEntry `json:"certificate,omitempty"`
		Doubts           []string          `json:"doubts,omitempty"`
	}
	certificateEntry struct {
		Subject  string `json:"subject,omitempty"`
		Email    string `json:"email,omitempty"`
		NotAfter string `json:"not_after,omitempty"`
		ID       string `json:"id,omitempty"` // CKA_ID in hexadecimal, as that of the key it belongs to
		Note     string `json:"note,omitempty"`
	}
)

// listJSON returns what was found; lists are empty and never null, so that a program
// can count without asking first.
func listJSON(found listing) []any {
	entries := []any{}
	for _, token := range found.tokens {
		entry := TokenEntry{
			Address: token.Address.String(), Label: token.Label, Manufacturer: token.Manufacturer, Model: token.Model,
			Serial: token.Serial, Slot: token.Slot, LoggedIn: token.LoggedIn, WriteProtected: token.ReadOnly, Problem: errorText(token.Err),
			Keys: []keyEntry{}, Certificates: []certificateEntry{},
		}
		for _, key := range token.Keys {
			entry.Keys = append(entry.Keys, newKeyEntry(judged(token, key)))
		}
		for _, cert := range token.Certificates {
			entry.Certificates = append(entry.Certificates, newCertificateEntry(cert))
		}
		entries = append(entries, entry)
	}
	for _, card := range found.cards {
		entries = append(entries, newCardEntry(card))
	}
	return entries
}

// newKeyEntry returns a key. Its id is in hexadecimal, as other PKCS#11 tools print
// and take it.
func newKeyEntry(key hsm.KeyInfo) keyEntry {
	entry := keyEntry{
		Address: key.Address.String(), Label: key.Label, ID: hex.EncodeToString(key.ID), Type: key.Type,
		CanLogIn: key.Problem == nil, Unseen: Unseen(key), Problem: errorText(key.Problem), NeverExtractable: key.NeverExtractable,
	}
	if key.Certificate != nil {
		cert := newCertificateEntry(hsm.CertificateInfo{Certificate: key.Certificate})
		entry.Certificate = &cert
		// Warnings, beside can_log_in and not against it: the server is the judge.
		entry.Doubts = agent.Doubts(key.Certificate)
	}
	return entry
}

// newCertificateEntry returns what a program needs of a certificate: the user it names and when it
// ends (RFC 3339, UTC), to warn in time.
func newCertificateEntry(info hsm.CertificateInfo) certificateEntry {
	// What cannot be parsed has its id and the note why, and no more.
	entry := certificateEntry{ID: hex.EncodeToString(info.ID), Note: info.Note}
	if cert := info.Certificate; cert != nil {
		entry.Subject, entry.Email = certread.Name(cert.Subject), agent.Email(cert)
		entry.NotAfter = cert.NotAfter.UTC().Format("2006-01-02T15:04:05Z07:00")
	}
	return entry
}

// errorText returns the error's text; "" for none.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
