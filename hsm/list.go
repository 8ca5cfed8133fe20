//go:build cgo

package hsm

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/attribute"
	"github.com/anaplan-agent/anaplan-agent/hsm/progress"
	"github.com/anaplan-agent/anaplan-agent/hsm/remedies"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// List returns every token of the module that fits the address, and what is on
// it. It logs in only if exactly one token fits and there is a PINFunc; without a
// login private keys are hidden, and their public halves speak for them. A token
// that fails has an Err and does not fail the others.
func List(ctx context.Context, address uri.URI, options Options) ([]Token, error) {
	return call(ctx, address,
		func(p *progress.Progress) ([]Token, error) { return list(ctx, address, options, p) },
		forget)
}

func list(ctx context.Context, address uri.URI, options Options, progress *progress.Progress) ([]Token, error) {
	m, err := openModule(address, options)
	if err != nil {
		return nil, err
	}
	defer m.close()
	found, err := m.survey(address)
	if err != nil {
		return nil, err
	}
	tokens := found.failures(address)
	if len(found.fit) != 1 {
		options.PIN = nil // a PIN sent to the wrong token is a try lost
	}
	for _, t := range found.fit {
		progress.Module("reading the token")
		tokens = append(tokens, t.list(ctx, address, options, progress))
	}
	if len(tokens) == 0 {
		return nil, found.none(address)
	}
	return tokens, nil
}

// failures returns the slots that did not answer as tokens of which nothing is
// known, as far as the address fits them.
func (s *survey) failures(address uri.URI) []Token {
	var tokens []Token
	for _, slot := range s.silent() {
		if address.MatchToken(uri.Token{Slot: slot}) {
			at := address.With("slot-id", strconv.FormatUint(uint64(slot), 10))
			tokens = append(tokens, Token{Address: at, Slot: slot, Err: s.failed[slot]})
		}
	}
	return tokens
}

// list reads one token, as far as it goes. What can still be said of a token that
// fails half way is said, since a list is where people look for what is wrong.
func (t token) list(ctx context.Context, address uri.URI, options Options, progress *progress.Progress) Token {
	listed := Token{
		Address: t.brief, Label: t.info.Label, Manufacturer: t.info.ManufacturerID,
		Model: t.info.Model, Serial: t.info.SerialNumber, Kind: t.kind, Slot: t.slot, PIN: t.pinState(),
		PINPad:    t.has(pkcs11.CKF_PROTECTED_AUTHENTICATION_PATH),
		ChangePIN: t.has(pkcs11.CKF_USER_PIN_TO_BE_CHANGED),
		ReadOnly:  t.has(pkcs11.CKF_WRITE_PROTECTED),
	}
	listed.Foreign = remedies.Foreign(t.path, t.info.SerialNumber, false)
	s, err := t.open()
	if err != nil {
		listed.Err = err
		return listed
	}
	login := newLogin(s, address, options, progress)
	listed.NoPIN, listed.PINOptional = !login.hides(), !login.has(pkcs11.CKF_LOGIN_REQUIRED)
	if options.PIN != nil {
		var pin hardware.PIN
		pin, listed.Err = login.logIn(ctx)
		clear(pin.Value) // nothing that a list does needs it again
	}
	if listed.PIN = login.pinState(); listed.PIN == hardware.PINLocked {
		listed.Unlock = t.unlocking().Command
	}
	listed.LoggedIn = login.wanted && listed.Err == nil || (login.claimed || listed.PINOptional) && login.showsPrivate()
	i := inventory{session: s, certificate: options.Certificate, now: time.Now()}
	if err := i.fill(&listed, address); err != nil && listed.Err == nil {
		listed.Err = err
	}
	return listed
}

// inventory is what a session shows of its token, for a list.
type inventory struct {
	*session
	certificate *x509.Certificate // that the caller gave; nil: it is on the token
	now         time.Time
}

// fill lists keys and certificates. Both are read once and compared here: asking
// the token for the certificates of each key would cost it a search a key.
func (i inventory) fill(listed *Token, address uri.URI) error {
	keys, err := i.keys(address, listed.LoggedIn)
	if err != nil {
		return err
	}
	// Which of them belong to the keys that the address names, only their public keys tell.
	certificates, err := i.findCertificates(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE))
	if err != nil {
		return err
	}
	shown := map[int]bool{}
	for _, k := range keys {
		info := k.info(k.brief(i.brief, address, keys))
		i.judge(k, &info, certificates, shown)
		listed.Keys = append(listed.Keys, info)
	}
	for at, c := range certificates {
		if c.Note == "" && !shown[at] && c.Certificate != nil {
			c.Note = strangerNote(listed.LoggedIn)
		}
		if shown[at] || address.Without("type").MatchObject(uri.Object{Label: c.Label, ID: c.ID}) {
			listed.Certificates = append(listed.Certificates, c)
		}
	}
	return nil
}

// strangerNote is the note on a certificate that belongs to no key that was seen.
func strangerNote(loggedIn bool) string {
	if loggedIn {
		return "its key is not on this token"
	}
	return "its key is not seen without a login"
}

// listedKey is a key object with what only a list shows.
type listedKey struct {
	*keyObject
	values   attribute.Values
	isPublic bool // it stands for a private key that does not show
}

// keys returns the private keys, and, where they are hidden, the public keys
// that stand for them. A private key that does not tell its modulus borrows that of
// its public half; Open would not, for a public object may be of another key.
func (i inventory) keys(address uri.URI, loggedIn bool) ([]listedKey, error) {
	private, err := i.class(address, pkcs11.CKO_PRIVATE_KEY)
	if err != nil {
		return nil, err
	}
	public, err := i.class(address, pkcs11.CKO_PUBLIC_KEY)
	if err != nil {
		return nil, err
	}
	for _, p := range public {
		at := slices.IndexFunc(private, func(k listedKey) bool { return k.isHalfOf(p) })
		switch {
		case at >= 0 && private[at].public == nil:
			private[at].public = p.public
		case at < 0 && !loggedIn:
			p.maySign = true // what a public key may do says nothing of the private one
			p.isPublic = true
			private = append(private, p)
		}
	}
	return private, nil
}

// isHalfOf reports whether a private key and a public one belong together: by their
// numbers, or, where one of them does not tell, by their names.
func (k listedKey) isHalfOf(public listedKey) bool {
	if k.public != nil && public.public != nil {
		return k.public.Equal(public.public)
	}
	return k.kind == public.kind && bytes.Equal(k.id, public.id) && k.label == public.label
}

// class reads the keys of a class that the address names.
func (i inventory) class(address uri.URI, class uint) ([]listedKey, error) {
	found, err := i.findKeys(searchFor(address, class)...)
	if err != nil {
		return nil, err
	}
	keys := make([]listedKey, len(found))
	for at, k := range found {
		// Not among keyAttributes: a login needs none of them, and each that a token does
		// not tell makes it read all of them one by one. They are only shown, so no answer ends it.
		shown := []uint{pkcs11.CKA_SENSITIVE, pkcs11.CKA_NEVER_EXTRACTABLE}
		if k.kind != pkcs11.CKK_RSA {
			shown = append(shown, pkcs11.CKA_EC_PARAMS)
		}
		values, _ := i.read(k.handle, shown...)
		keys[at] = listedKey{k, values, false}
	}
	return keys, nil
}

// info says what is known of a key at an address, but for its certificate.
func (k listedKey) info(address uri.URI) KeyInfo {
	info := KeyInfo{
		Address: address, Label: k.label, ID: k.id, Type: k.describe(), PublicOnly: k.isPublic,
		AlwaysAuthenticate: k.alwaysAuthenticate,
		NeverExtractable:   k.values.Flag(pkcs11.CKA_SENSITIVE, false) && k.values.Flag(pkcs11.CKA_NEVER_EXTRACTABLE, false),
	}
	if k.public != nil {
		// Only then: a nil *rsa.PublicKey in the interface would not be nil.
		info.Public = crypto.PublicKey(k.public)
	}
	return info
}

// judge finds the key's certificate among all of the token's, marks in shown
// those that have to do with the key, and notes on them what Open would.
func (i inventory) judge(k listedKey, info *KeyInfo, certificates []CertificateInfo, shown map[int]bool) {
	candidates := make([]candidate, len(certificates))
	for at, c := range certificates {
		candidates[at] = k.candidate(c)
	}
	if i.certificate != nil {
		// As in Open, where it goes before all that are on the token.
		candidates = []candidate{k.candidate(CertificateInfo{Certificate: i.certificate})}
	}
	best := choose(candidates, i.now)
	info.PassedOver = passedOver(candidates)
	if info.Problem = k.unusable(); best != nil {
		info.Certificate = best.Certificate
	} else if info.Problem == nil {
		info.Problem = noneOf(candidates, i.now)
	}
	for at, c := range candidates {
		if i.certificate == nil && (c.pairs || c.sameID && !shown[at]) {
			certificates[at].Note, shown[at] = c.Note, true
		}
	}
}

// candidate compares a certificate with the key. Where the token does not tell
// the public key, a list goes by the id, for it does not sign to find out.
func (k listedKey) candidate(info CertificateInfo) candidate {
	c := candidate{CertificateInfo: info, sameID: len(k.id) > 0 && bytes.Equal(k.id, info.ID)}
	switch {
	case info.Certificate == nil:
	case k.public != nil:
		c.pairs = k.public.Equal(info.Certificate.PublicKey)
	default:
		c.pairs = c.sameID
	}
	return c
}

// curves are the curves of CKA_EC_PARAMS (RFC 5480 section 2.1.1.1, RFC 8410
// section 3), and the Edwards curves as PKCS#11 3.0 section 2.3.5 names them there.
var curves = map[string]string{
	"1.2.840.10045.3.1.7": "EC P-256",
	"1.3.132.0.34":        "EC P-384",
	"1.3.132.0.35":        "EC P-521",
	"1.3.132.0.10":        "EC secp256k1",
	"1.3.101.112":         "Ed25519",
	"1.3.101.113":         "Ed448",
	"edwards25519":        "Ed25519",
	"edwards448":          "Ed448",
}

// describe names the type of the key with its size or curve.
func (k listedKey) describe() string {
	if k.public != nil {
		return fmt.Sprintf("RSA %d", k.public.N.BitLen())
	}
	var curve asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(k.values[pkcs11.CKA_EC_PARAMS], &curve); err == nil {
		return cmp.Or(curves[curve.String()], "EC "+curve.String())
	}
	// Whatever a token has there, it is either a name that is known or not shown.
	var name string
	_, _ = asn1.Unmarshal(k.values[pkcs11.CKA_EC_PARAMS], &name)
	return cmp.Or(curves[name], attribute.KeyType(k.kind))
}
