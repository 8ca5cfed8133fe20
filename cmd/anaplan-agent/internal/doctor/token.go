package doctor

// A key in a PKCS#11 token, without its PIN: the module, its tokens, what the token can do,
// and the keys and certificates that it shows to anybody.

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/modules"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// lookAtToken looks at the module, the token and the key of an address.
func (p *Probe) lookAtToken(address uri.URI, cert *x509.Certificate) {
	path, err := modules.Find(address)
	if err != nil {
		p.failed("device.module", err)
		return
	}
	p.step("loading the module %s and listing its tokens", path)
	// All keys of the token, to name those that nearly fit.
	options := hsm.Options{Certificate: cert, Closing: p.closings.Module}
	tokens, err := hsm.List(p.Ctx, address.Without("object", "id", "type"), options)
	if err != nil && !errors.Is(err, hsm.ErrNoToken) {
		p.failed("device.module", err)
		return
	}
	p.ok("device.module", "%s loads", path)
	if err != nil {
		p.failed("device.token", err)
	}
	for _, token := range tokens {
		if token.Label != "" || token.Serial != "" {
			p.Facts.Names = append(p.Facts.Names, pin.Device{Label: token.Label, Serial: token.Serial, Kind: token.Kind})
		}
	}
	token := p.onlyToken(tokens)
	if token != nil {
		p.judgePINState(token)
		p.judgeKeys(address, token, cert)
	}
	p.later = func() { p.lookAtModule(address, path, token) }
}

// lookAtModule asks the module what no login asks it. token: nil for none.
func (p *Probe) lookAtModule(address uri.URI, path string, token *hsm.Token) {
	p.aside("asking the module "+path+" for its name and mechanisms", "a login does not ask for them")
	var slots []uint
	if token != nil {
		slots = append(slots, token.Slot)
	}
	told, err := hsm.Examine(p.Ctx, address, hsm.Options{Closing: p.closings.Module}, slots...)
	if told.Library != "" {
		p.info("device.library", "", "the module says that it is %s", told.Library)
	}
	switch {
	case token == nil:
	case err != nil:
		p.skip("device.mechanism", fmt.Sprintf("the module does not tell what the token can do: %v", err))
	default:
		judgeMechanisms(p.Report, token.Label, told.Mechanisms[token.Slot])
	}
}

// onlyToken returns the one token that the address fits; nil without, which is told.
func (p *Probe) onlyToken(tokens []hsm.Token) *hsm.Token {
	tokens = slices.DeleteFunc(tokens, func(token hsm.Token) bool {
		if token.Err != nil {
			p.failed("device.token", token.Err)
		}
		return token.Err != nil
	})
	switch len(tokens) {
	case 0:
		return nil
	case 1:
		token := tokens[0]
		p.ok("device.token", "token %q, %s %s, serial %s, is in slot %d", token.Label, token.Manufacturer, token.Model, token.Serial, token.Slot)
		return &token
	}
	p.several("device.token", "write one of these into key, with the rest of the address: ", fmt.Sprintf("the address fits %d tokens", len(tokens)),
		texts(tokens, func(token hsm.Token) string { return token.Address.String() }))
	return nil
}

// judgePINState says what the token tells of its PIN. No PIN is sent for that.
func (p *Probe) judgePINState(token *hsm.Token) {
	p.Facts.NoPIN, p.Facts.PINOptional, p.Facts.PINPad = token.NoPIN, token.PINOptional, token.PINPad
	if token.ChangePIN {
		p.warn("device.factory_pin", "set another one: pkcs11-tool --module MODULE --login --change-pin",
			"token %q says that its PIN is the one that it was set up with, and is to be changed", token.Label)
	}
	switch {
	case token.PIN == hardware.PINLocked:
		p.Facts.PINSpent = "the token no longer accepts a PIN"
		p.fail("device.pin", p.findingOf("device.pin", &hardware.PINError{Locked: true, Unlock: token.Unlock}).Do, "the PIN of token %q is locked: too many wrong ones were sent", token.Label)
	case token.PIN == hardware.PINFinalTry:
		p.Facts.PINSpent = "one more wrong PIN locks the token, and the last try is a person's to spend"
		p.fail("device.pin", "log in once by hand with the right PIN: "+build.Program+" login --socket none --pin prompt", "token %q has one PIN try left, which is not spent without a person's yes", token.Label)
	case token.PIN == hardware.PINLow:
		p.Facts.PINDoubt = "the last PIN was wrong; if the one that is set now is right, --login has it sent"
		p.warn("device.pin", "look the PIN up before it is sent again: tokens lock after a few wrong ones", "the last PIN sent to token %q was wrong", token.Label)
	case token.NoPIN:
		p.ok("device.pin", "token %q wants no PIN", token.Label)
	case token.PINPad:
		p.ok("device.pin", "token %q wants its PIN on its own keypad, so a person must be there", token.Label)
	default:
		p.ok("device.pin", "token %q reports no wrong PIN since the last good one", token.Label)
	}
}

// The mechanisms of RSASSA-PKCS1-v1_5 (PKCS#11 mechanisms, section 2.1).
const (
	mechanismRSA       = 0x00000001 // CKM_RSA_PKCS: the hash is made here
	mechanismRSASHA512 = 0x00000042 // CKM_SHA512_RSA_PKCS
)

// judgeMechanisms says what a token's list of mechanisms means for a login. Either of the two will
// do. Modules list fewer than they have, too, so that one which is missing proves nothing.
func judgeMechanisms(r *Report, label string, mechanisms []uint) {
	raw, hashing := slices.Contains(mechanisms, mechanismRSA), slices.Contains(mechanisms, mechanismRSASHA512)
	switch {
	case raw && hashing:
		r.ok("device.mechanism", "token %q has CKM_SHA512_RSA_PKCS and CKM_RSA_PKCS", label)
	case hashing:
		r.ok("device.mechanism", "token %q has CKM_SHA512_RSA_PKCS", label)
	case raw:
		r.ok("device.mechanism", "token %q has CKM_RSA_PKCS; the SHA-512 is made here, for it has no CKM_SHA512_RSA_PKCS", label)
	default:
		r.warn("device.mechanism", "if anaplan.sign fails, too: allow the mechanism in the HSM's policy or partition, or use another token",
			"token %q lists neither CKM_SHA512_RSA_PKCS nor CKM_RSA_PKCS, of which a login wants one", label)
	}
}

// judgeKeys looks at the keys of the token, and at the one that the address means.
func (p *Probe) judgeKeys(address uri.URI, token *hsm.Token, given *x509.Certificate) {
	for _, c := range token.Certificates {
		if c.Certificate != nil {
			p.Facts.Chain = append(p.Facts.Chain, c.Certificate.Raw)
		}
	}
	p.judgeDuplicates(token)
	var meant, certified []hsm.KeyInfo
	for _, key := range token.Keys {
		if !address.Without("type").MatchObject(uri.Object{Label: key.Label, ID: key.ID}) {
			continue
		}
		meant = append(meant, key)
		if certificateOf(key) != nil {
			certified = append(certified, key)
		}
	}
	switch {
	case len(certified) == 1:
		p.judgeKey(certified[0])
	case len(meant) > 0 && given != nil:
		p.judgeGiven(meant, given)
	case token.LoggedIn:
		p.judgeNone(address, token, meant, certified)
	default:
		p.beforeLogin(func(p *Probe) { p.judgeNone(address, token, meant, certified) })
	}
}

// judgeNone says why none of a token's keys is the one with a certificate that the address means.
func (p *Probe) judgeNone(address uri.URI, token *hsm.Token, meant, certified []hsm.KeyInfo) {
	switch {
	case len(meant) == 0:
		p.noKey(address, token)
	case len(certified) == 0:
		p.judgeKey(meant[0])
	default:
		p.several("device.key", oneKey, fmt.Sprintf("the address fits %d keys with certificates", len(certified)), texts(certified, addressOf))
	}
}

// judgeGiven looks at keys of which the list shows none to be that of the given certificate.
// One that does not tell its public key may be, which a signature shows.
func (p *Probe) judgeGiven(keys []hsm.KeyInfo, given *x509.Certificate) {
	for _, key := range keys {
		if key.Public == nil && strings.HasPrefix(key.Type, "RSA") {
			p.Facts.Ready = true
			p.skip("device.key", fmt.Sprintf("key %q does not tell whether the certificate of the file is its own; anaplan.sign shows it", key.Label))
			return
		}
	}
	key := keys[0]
	key.Problem = fmt.Errorf("%w: the one in the file (%s) does not belong to %s", hardware.ErrCertificateMismatch, certread.Name(given.Subject), key.Address)
	p.judgeKey(key)
}

// certificateOf returns the certificate of a key, also one with which it cannot log in, since it has
// ended, say; nil without.
func certificateOf(key hsm.KeyInfo) *x509.Certificate {
	if key.Certificate != nil {
		return key.Certificate
	}
	public, isRSA := key.Public.(*rsa.PublicKey)
	for _, c := range key.PassedOver {
		if isRSA && c.Certificate != nil && public.Equal(c.Certificate.PublicKey) {
			return c.Certificate
		}
	}
	return nil
}

// addressOf returns the address of a key.
func addressOf(key hsm.KeyInfo) string { return key.Address.String() }

// canBeMeant reports whether a login may be made with the key: not if it is of another type, as one that
// attests others can be, or has such a certificate only, nor if nothing shows that the private key is there.
func canBeMeant(key hsm.KeyInfo) bool {
	attests := slices.ContainsFunc(key.PassedOver, func(c hsm.CertificateInfo) bool { return c.NoLogin })
	return !key.PublicOnly && !errors.Is(key.Problem, hardware.ErrUnusableKey) && (key.Certificate != nil || !attests)
}

// noKey says that the address fits no key, and what there is instead.
func (p *Probe) noKey(address uri.URI, token *hsm.Token) {
	others := slices.DeleteFunc(slices.Clone(token.Keys), func(key hsm.KeyInfo) bool { return !canBeMeant(key) })
	switch {
	case len(others) > 0:
		p.fail("device.key", oneKey+strings.Join(texts(others, addressOf), " or "), "no key on token %q fits %s", token.Label, address)
	case !token.LoggedIn:
		p.add(finding.Finding{Check: "device.key", Severity: finding.Skipped, What: fmt.Sprintf("token %q hides its keys until somebody logs in%s", token.Label, foreign(token)), Do: build.Program + " doctor --login looks at them"})
		p.Facts.Ready, p.Facts.Unpaired = true, unpaired(address, token)
	case token.Foreign != "":
		p.fail("device.key", token.Foreign, "no key on token %q shows", token.Label)
	default:
		p.fail("device.key", build.Program+" enroll --key "+shell.Quote(address.String())+" --email YOU makes one", "there is no key on token %q", token.Label)
	}
}

// foreign says why a login may not show them all.
func foreign(token *hsm.Token) string {
	if token.Foreign == "" {
		return ""
	}
	return "; not all may show: " + token.Foreign
}

// judgeKey says whether a key can log in.
func (p *Probe) judgeKey(key hsm.KeyInfo) {
	if cert := certificateOf(key); cert != nil {
		p.Facts.Certificate = cert.Raw
	}
	name := fmt.Sprintf("key %q (id %s)", key.Label, hex.EncodeToString(key.ID))
	problem := key.Problem
	if problem != nil {
		problem = fmt.Errorf("%s: %w", name, problem)
	}
	if device.Unseen(key) != "" {
		p.Facts.Ready = true
		p.Facts.Unproven = append(p.Facts.Unproven, finding.Finding{Check: "device.key", Severity: finding.OK, What: fmt.Sprintf("%s is %s, and has a certificate", name, key.Type)})
		return
	}
	p.judgeLogin(name, key.Type, device.KeyState(key), problem)
}

// unpaired returns the certificates that a login may be made with, of those that a token shows while it hides
// its keys: those that the address names, or else any; for RSA keys, if there are such.
func unpaired(address uri.URI, token *hsm.Token) (found [][]byte) {
	var all []hsm.CertificateInfo
	for _, c := range token.Certificates {
		if c.Certificate != nil && !c.Certificate.IsCA && !c.NoLogin {
			all = append(all, c)
		}
	}
	named := func(c hsm.CertificateInfo) bool {
		return address.Without("type").MatchObject(uri.Object{Label: c.Label, ID: c.ID})
	}
	isRSA := func(c hsm.CertificateInfo) bool { return hardware.OtherKind(c.Certificate) == nil }
	for _, wanted := range []func(hsm.CertificateInfo) bool{named, isRSA} {
		if slices.ContainsFunc(all, wanted) {
			all = slices.DeleteFunc(all, func(c hsm.CertificateInfo) bool { return !wanted(c) })
		}
	}
	for _, c := range all {
		found = append(found, c.Certificate.Raw)
	}
	return found
}

// otherID says what can be done about two keys with one id.
func otherID(key, other hsm.KeyInfo) string {
	apart := "only their certificates tell them apart here: --certificate FILE names one"
	if key.Label != other.Label {
		apart = "they are told apart by their labels here: " + other.Address.String() + " and " + key.Address.String()
	}
	return apart + "; a program that goes by ids takes the first. pkcs11-tool --set-id gives one another id, unless the device gives ids itself, as many cards and some HSMs do: " +
		"there only a key that is made anew gets another"
}

// judgeDuplicates looks for keys that one name fits: this program tells them apart by their
// certificates, others take the first.
func (p *Probe) judgeDuplicates(token *hsm.Token) {
	for i, key := range token.Keys {
		for _, other := range token.Keys[:i] {
			switch {
			case len(key.ID) > 0 && bytes.Equal(key.ID, other.ID):
				p.warn("device.duplicates", otherID(key, other), "two keys on token %q have the id %s: %q and %q", token.Label, hex.EncodeToString(key.ID), other.Label, key.Label)
			case key.Label != "" && key.Label == other.Label:
				p.warn("device.duplicates", "give one of them another label, or name the one that is meant by its id as well: "+key.Address.String(), "two keys on token %q have the label %q", token.Label, key.Label)
			}
		}
	}
}
