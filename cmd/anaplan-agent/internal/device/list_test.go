package device

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// parseAddress returns the address that text stands for.
func parseAddress(t *testing.T, text string) uri.URI {
	t.Helper()
	address, err := uri.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// newListing returns tokens with one of each thing that a listing can show.
func newListing(t *testing.T) []hsm.Token {
	t.Helper()
	crl := []string{"http://crl.example.com"}
	leaf := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Nightly \x1b[5mload"}, RawIssuer: []byte("a CA"), EmailAddresses: []string{"ana@example.com"},
		CRLDistributionPoints: crl,
		NotAfter:              time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	doubtful := &x509.Certificate{
		RawIssuer: []byte("a CA"), NotAfter: leaf.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, CRLDistributionPoints: crl,
	}
	key := hsm.KeyInfo{
		Address: parseAddress(t, "pkcs11:token=demo;object=login"), Label: "login", ID: []byte{0xab, 1}, Type: "RSA 2048",
		Certificate: leaf, AlwaysAuthenticate: true, NeverExtractable: true,
	}
	server := hsm.KeyInfo{Address: parseAddress(t, "pkcs11:token=demo;object=server"), Label: "server", Type: "RSA 4096", Certificate: doubtful}
	curve := hsm.KeyInfo{
		Address: parseAddress(t, "pkcs11:token=demo;object=curve"), Label: "curve", Type: "EC P-256",
		Problem: fmt.Errorf("%w: it is EC P-256", hardware.ErrUnusableKey),
	}
	half := hsm.KeyInfo{Address: parseAddress(t, "pkcs11:token=hidden;id=%19"), Label: "half", Type: "RSA 2048", Certificate: leaf, PublicOnly: true}
	return []hsm.Token{
		{Address: parseAddress(t, "pkcs11:token=hidden"), Label: "hidden", Manufacturer: "Acme", Keys: []hsm.KeyInfo{half}},
		{
			Address: parseAddress(t, "pkcs11:token=demo"), Label: "demo", Manufacturer: "Acme", Model: "Box", Serial: "17", Slot: 3,
			PIN: hardware.PINFinalTry, PINPad: true, ReadOnly: true, LoggedIn: true, Keys: []hsm.KeyInfo{key, server, curve},
			Certificates: []hsm.CertificateInfo{
				{Label: "login", ID: []byte{0xab, 1}, Certificate: leaf},
				{Label: "junk", ID: []byte{6}, Note: "it cannot be read"},
			},
		},
		{Address: parseAddress(t, "pkcs11:token=locked"), Label: "locked", Manufacturer: "Acme", PIN: hardware.PINLocked, Err: errors.New("no\nanswer"), Keys: []hsm.KeyInfo{curve, key}},
		{Address: parseAddress(t, "pkcs11:token=refused"), Label: "refused", Manufacturer: "Acme", PIN: hardware.PINLow, Err: errors.New("wrong PIN"), Keys: []hsm.KeyInfo{key}},
		{Address: parseAddress(t, "pkcs11:token=low"), Label: "low", Manufacturer: "\x1b[2JAcme\nkey \"x\": can log in", PIN: hardware.PINLow},
	}
}

// golden compares got with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	want, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestListText(t *testing.T) {
	golden(t, "listing.txt", console.Printable(listText(listing{tokens: newListing(t)})))
}

// The names and shapes in this file are what scripts rely on.
func TestListJSON(t *testing.T) {
	data, err := json.MarshalIndent(listJSON(listing{tokens: newListing(t)}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "listing.json", console.Printable(string(data))+"\n")
}

// Nothing found is an empty list for a program too, and not null.
func TestListJSONEmpty(t *testing.T) {
	data, err := json.Marshal(listJSON(listing{}))
	if err != nil || string(data) != "[]" {
		t.Errorf("got %s, %v", data, err)
	}
}

// A label cannot forge a line or steer the terminal.
func TestListTextHostile(t *testing.T) {
	token := hsm.Token{Label: "a\x1b[31m\nb", Model: "m\r\nkey \"x\": RSA", Serial: "\u009b2J", Keys: []hsm.KeyInfo{{Label: "k\u202e", Type: "t\n\x07", Problem: hardware.ErrNoCertificate}}}
	got := console.Printable(listText(listing{tokens: []hsm.Token{token}}))
	if strings.ContainsFunc(got, console.IsUnprintable) || strings.Contains(got, "\nkey") || strings.Contains(got, "\nb") {
		t.Errorf("got %q", got)
	}
}

// newCards returns cards with one of each thing that a listing can show.
func newCards(t *testing.T) []ListedCard {
	t.Helper()
	leaf := newListing(t)[1].Keys[0].Certificate
	doubtful := newListing(t)[1].Keys[1].Certificate
	at := func(slot pivuri.Slot) pivuri.URI { return pivuri.URI{Serial: 12345678, Slot: slot} }
	full := piv.Card{
		Address: at(0), Reader: "Yubico YubiKey 00 00", Name: "YubiKey 12345678", Firmware: "5.7.1", Tries: 3,
		Keys: []piv.KeyInfo{
			{Address: at(pivuri.Signature), Type: "RSA 2048", Certificate: leaf, PIN: piv.PINAlways, Touch: piv.TouchCached, Generated: true},
			{Address: at(pivuri.Authentication), Type: "RSA 4096", Certificate: doubtful, PIN: piv.PINOnce, Touch: piv.TouchNever},
			{Address: at(pivuri.CardAuthentication), Type: "RSA 3072", PIN: piv.PINNever, Touch: piv.TouchAlways, Problem: hardware.ErrNoCertificate},
			{Address: at(0x82), Type: "EC P-256", Problem: fmt.Errorf("%w: it is EC P-256", hardware.ErrUnusableKey)},
			{Address: at(0x83), Type: "unknown", Problem: hardware.ErrNoCertificate},
		},
	}
	unknown := piv.Card{Reader: "Reader\x1b[2J", Tries: -1, Err: errors.New("no\nanswer")}
	empty := piv.Card{Address: pivuri.URI{Serial: 7}, Reader: "R", Name: "YubiKey 7", Firmware: "4.3.5", Tries: 1}
	empty.Untold = &piv.UntoldError{Card: empty.Address, Name: empty.Name, Told: true}
	blocked := piv.Card{Address: pivuri.URI{Serial: 8}, Reader: "R", Name: "YubiKey 8", Firmware: "5.4.3"}
	spent := piv.Card{Address: pivuri.URI{Serial: 9}, Reader: "R", Name: "CanoKey 9", Firmware: "5.7.0", Keys: []piv.KeyInfo{
		{Address: at(pivuri.Signature), Type: "RSA 2048", Certificate: leaf, PIN: piv.PINAlways},
		{Address: at(pivuri.CardAuthentication), Type: "RSA 2048", Certificate: leaf, PIN: piv.PINNever},
	}}
	halfRead := piv.Card{Address: pivuri.URI{Serial: 10}, Reader: "R", Name: "YubiKey 10", Tries: 3, Err: piv.ErrRemoved, Keys: spent.Keys[:1]}
	return []ListedCard{{full, 0}, {unknown, 0}, {empty, 0}, {blocked, pivuri.KeyManagement}, {spent, 0}, {halfRead, 0}}
}

func TestListCardsText(t *testing.T) {
	golden(t, "cards.txt", console.Printable(listText(listing{cards: newCards(t)})))
}

func TestListCardsJSON(t *testing.T) {
	data, err := json.MarshalIndent(listJSON(listing{cards: newCards(t)}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "cards.json", console.Printable(string(data))+"\n")
}

// Only of the one device that was asked for is a trouble the command's.
func TestListingFailure(t *testing.T) {
	broken := ListedCard{Card: piv.Card{Err: piv.ErrBusy}}
	for want, found := range map[error]listing{
		piv.ErrBusy:    {cards: []ListedCard{broken}},
		hsm.ErrNoToken: {tokens: []hsm.Token{{Err: hsm.ErrNoToken}}},
		error(nil):     {tokens: []hsm.Token{{}}, cards: []ListedCard{broken}},
	} {
		if got := found.Failure(); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}
