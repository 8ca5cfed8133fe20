package main

import (
	"encoding/hex"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/hsm"
)

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
