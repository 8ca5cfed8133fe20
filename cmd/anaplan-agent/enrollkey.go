package main

// What enroll does with a key, in a token or on a card: it makes it and has it sign a
// request. What cards have of their own is in enrollcard.go.

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/signer"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// isCard reports whether an address is of a key on a card.
func isCard(address config.Address) bool {
	_, ok := address.(pivuri.URI)
	return ok
}

// begin makes the key, unless there is one to be used again, and returns the enrolment.
// From then on it is remembered: a key that was made stays.
func (r *deviceRun) begin(e enrolment, address config.Address) (*pending, error) {
	address, err := r.placeFor(e, address)
	if err != nil {
		return nil, err
	}
	p := &pending{
		Key: address.String(), Email: e.email, Name: e.name, Subject: e.subject, Step: stepMaking, ManagementKey: e.card.managementKey,
		Bits: e.bits, PINPolicy: e.card.pinPolicy, TouchPolicy: e.card.touchPolicy,
	}
	if e.reuseKey {
		p.Step = stepKey
		return p, nil
	}
	if err := r.makePending(e, p); err != nil {
		return nil, err
	}
	return p, nil
}

// makePending makes the key of an enrolment, which is remembered from right before that.
func (r *deviceRun) makePending(e enrolment, p *pending) error {
	begun := false
	address, err := r.makeKey(e, p.address(), func() error {
		begun = true
		r.remember(p)
		return nil
	})
	if err != nil {
		if begun && r.ctx.Err() == nil { // else it is not known
			err = errors.Join(err, newEnrolments().forget(p))
		}
		return err
	}
	r.say.Note("made %s", address)
	p.Key, p.Step = address.String(), stepKey
	r.remember(p)
	return nil
}

// findOrMake finds the key that an interrupted call may have made, or makes it.
func (r *deviceRun) findOrMake(e enrolment, p *pending) error {
	found, err := r.keysAt(p.address())
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		e.bits, e.card.pinPolicy, e.card.touchPolicy = p.Bits, p.PINPolicy, p.TouchPolicy
		return r.makePending(e, p)
	case len(found) > 1:
		return fmt.Errorf("%w: %s fits several keys; say which is to have the request with --key ADDRESS --email %s --reuse-key", errSettings, p.address(), p.Email)
	}
	r.say.Note("the key was made before the interruption: %s", found[0].address)
	p.Key, p.Step = found[0].address.String(), stepKey
	r.remember(p)
	return nil
}

// placeFor returns the address of a key to be made, or to be used again, as far as it can
// be known before.
func (r *deviceRun) placeFor(e enrolment, address config.Address) (config.Address, error) {
	if card, ok := address.(pivuri.URI); ok {
		return r.slotFor(e, card)
	}
	if label, _ := address.(uri.URI).Get("object"); label == "" && !e.reuseKey {
		return nil, fmt.Errorf("%w: --key %s: the new key needs a name: add ;object=NAME to the address", errSettings, address)
	}
	return address, nil
}

// makeKey makes a key and returns its address, with its id in it: the label alone may fit
// an older key too. before is called right before the key is made; nil: nothing is.
func (r *deviceRun) makeKey(e enrolment, address config.Address, before func() error) (config.Address, error) {
	if card, ok := address.(pivuri.URI); ok {
		return r.makeCardKey(e, card, before)
	}
	bits := cmp.Or(e.bits, defaultBits)
	r.say.Note("making an RSA key of %d bits in the token", bits)
	var key hsm.KeyInfo
	err := r.alone(address, func() (err error) {
		key, err = hsm.Generate(r.ctx, address.(uri.URI), hsm.KeySpec{Bits: bits, Before: before}, r.device.tokenOptions(address.(uri.URI)))
		return err
	})
	return key.Address, err
}

// alone does work with the device to itself: between the look whether there is such a key
// and its making no other process of this user may make one.
func (r *deviceRun) alone(address config.Address, work func() error) error {
	if name := lockName(address); r.device.locks != "" && name != "" {
		unlock, err := signer.LockDevice(r.ctx, r.device.locks, name, func() { r.say.busy() })
		switch {
		case r.ctx.Err() != nil && err != nil:
			return fmt.Errorf("%w: %w", errDeviceInUse, context.Cause(r.ctx))
		case err == nil: // else the home cannot be written to, which is no reason to make no key
			defer unlock()
		}
	}
	return work()
}

// errUnderWay says that a key which exists is that of an enrolment.
var errUnderWay = errors.New("an enrolment is under way for it")

// goOn returns the command that goes on with an enrolment.
func (e enrolment) goOn(p *pending) string {
	isThis := func(known *pending) bool { return known.Key == p.Key }
	if slices.ContainsFunc(newEnrolments().all(), isThis) {
		return strings.Join(quoted(program, "enroll", "--resume", "--key", p.Key), " ") + e.more
	}
	return strings.Join(quoted(program, "enroll", "--key", p.Key, "--email", p.Email, "--reuse-key"), " ")
}

// orUnderWay adds to the error that a key exists that its enrolment for this user waits.
func orUnderWay(err error, e enrolment, address config.Address) error {
	if !errors.Is(err, hsm.ErrKeyExists) && !errors.Is(err, piv.ErrKeyExists) {
		return err
	}
	for _, p := range newEnrolments().fitting(address) {
		if strings.EqualFold(p.Email, e.email) {
			err = fmt.Errorf("%w; %w, for %s: %s", err, errUnderWay, p.Email, p.waits())
			return &explain.ResumableError{Err: err, Next: e.goOn(p)}
		}
	}
	return err
}

// request has the key sign a CSR and writes it where the flags say. Where it fails the key
// is there all the same, and the error says how to go on from it.
func (r *deviceRun) request(e enrolment, p *pending) error {
	if err := r.sign(e, p); err != nil {
		return orKeyMade(err, e, p)
	}
	if err := r.putRequest(e, p); err != nil {
		if e.isFile() {
			err = fmt.Errorf("%w; the key is made, and its CSR is kept: %s enroll --resume --output FILE writes it", err, program)
		}
		return err
	}
	// The request is out by now and is good without the attestation, so what comes next is
	// said whether or not there is one.
	err := r.attestKey(e, p)
	r.say.Note("ask for an S/MIME (\"personal\", \"client\") certificate with %s in the subject alternative name; an SSL (server) certificate will not do", p.Email)
	r.sayNext(p)
	return err
}

// orKeyMade adds to the error that a request is not made how to go on, if the enrolment has made
// the key: what was typed would not make another.
func orKeyMade(err error, e enrolment, p *pending) error {
	if p.Step != stepKey || e.reuseKey && !e.resume {
		return err
	}
	return &explain.ResumableError{Err: fmt.Errorf("%w; the key is made, and its request (CSR) is not", err), Next: e.goOn(p)}
}

// sign has the key sign the request. It uses SHA-256, which no login is signed with: a
// CSR that somebody keeps is not a login (contract section 1.4).
func (r *deviceRun) sign(e enrolment, p *pending) error {
	if p.Step == stepMaking {
		if err := r.findOrMake(e, p); err != nil {
			return err
		}
	}
	template, err := e.template()
	if err != nil {
		return err
	}
	var csr []byte
	if card, ok := p.address().(pivuri.URI); ok {
		csr, err = piv.CertificateRequest(r.ctx, card, r.device.cardOptions(card), template)
	} else {
		csr, err = hsm.CertificateRequest(r.ctx, p.address().(uri.URI), r.device.tokenOptions(p.address().(uri.URI)), template)
	}
	if err != nil {
		return err
	}
	p.Request, p.Step = encodePEM("CERTIFICATE REQUEST", csr), stepRequest
	r.remember(p)
	return nil
}

// putRequest writes the request to its file, or to standard output.
func (r *deviceRun) putRequest(e enrolment, p *pending) error {
	if !e.isFile() {
		return printResult(p.Request)
	}
	if err := writeOut(r.ctx, e.output, p.Request); err != nil {
		return fmt.Errorf("the CSR: %w", err)
	}
	p.RequestFile = nameOf(e.output)
	r.remember(p)
	r.say.Note("wrote the CSR to %s", e.output)
	return nil
}

// attestKey has a card certify that the key was made on it.
func (r *deviceRun) attestKey(e enrolment, p *pending) error {
	card, ok := p.address().(pivuri.URI)
	if !ok {
		return nil
	}
	return r.attest(e.card.attestation, card)
}

// sayNext says what comes after the CSR.
func (r *deviceRun) sayNext(p *pending) {
	r.say.Note("next: send the CSR to your CA, then: %s enroll --key %s%s --certificate FILE", program, shellQuote(p.Key), flagsForStoring(p.ManagementKey))
}

// remember writes an enrolment down. Without a home that cannot be, and every step is good
// by itself.
func (r *deviceRun) remember(p *pending) {
	if p.OfRotation {
		return
	}
	known := newEnrolments()
	if err := known.save(p); err != nil && known.dir != "" {
		r.say.Warn("%v; give --key at the next steps", err)
	}
}

// publicKeys returns the public keys that the address means, as far as the device tells
// them. A PIN is asked for where it tells none without; that it was refused is the error.
func (r *deviceRun) publicKeys(address config.Address) (keys []crypto.PublicKey, err error) {
	if card, ok := address.(pivuri.URI); ok {
		cards, _ := piv.List(r.ctx, card, r.device.cardOptions(card)) // storing meets the same trouble, and words it
		for _, card := range cards {
			for _, key := range card.Keys {
				keys = append(keys, key.Public)
			}
		}
		return withoutNil(keys), nil
	}
	for _, options := range []hsm.Options{{}, r.device.tokenOptions(address.(uri.URI))} {
		tokens, err := hsm.List(r.ctx, address.(uri.URI), options)
		for _, token := range tokens {
			err = errors.Join(err, token.Err)
			for _, key := range token.Keys {
				keys = append(keys, key.Public)
			}
		}
		if pin.IsRefusal(err) {
			return nil, err
		}
		if keys = withoutNil(keys); len(keys) > 0 {
			break
		}
	}
	return keys, nil
}

// withoutNil leaves out keys that the device does not tell.
func withoutNil(keys []crypto.PublicKey) (known []crypto.PublicKey) {
	for _, key := range keys {
		if key != nil {
			known = append(known, key)
		}
	}
	return known
}

// template returns what the CSR asks for: what Anaplan wants to see in the
// certificate (contract section 5.1): the e-mail address in the subject alternative
// name and not in the common name, where Anaplan does not look.
func (e enrolment) template() (*x509.CertificateRequest, error) {
	subject, err := e.subjectName()
	return &x509.CertificateRequest{
		Subject:         subject,
		EmailAddresses:  []string{e.email},
		ExtraExtensions: []pkix.Extension{keyUsage(), extendedKeyUsage()},
	}, err
}

// Object identifiers of RFC 5280 sections 4.2.1.3 and 4.2.1.12.
var (
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidExtendedKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidClientAuth       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
	oidEmailProtection  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 4}
)

// keyUsage asks for digitalSignature, the first bit.
func keyUsage() pkix.Extension {
	value, _ := asn1.Marshal(asn1.BitString{Bytes: []byte{0x80}, BitLength: 1}) // constants always encode
	return pkix.Extension{Id: oidKeyUsage, Critical: true, Value: value}
}

// extendedKeyUsage asks for the two purposes that Anaplan names for such a
// certificate (contract section 5.1).
func extendedKeyUsage() pkix.Extension {
	value, _ := asn1.Marshal([]asn1.ObjectIdentifier{oidClientAuth, oidEmailProtection}) // constants always encode
	return pkix.Extension{Id: oidExtendedKeyUsage, Value: value}
}

// absolute returns a path that means the same from anywhere.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

// keyAt is a key that a device has, with its whole address.
type keyAt struct {
	address config.Address
	public  any
}

// keysAt returns the keys that an address may mean.
func (r *deviceRun) keysAt(address config.Address) (found []keyAt, err error) {
	if card, ok := address.(pivuri.URI); ok {
		cards, err := piv.List(r.ctx, card, r.device.cardOptions(card))
		for _, card := range cards {
			for _, key := range card.Keys {
				public := any(key.Public)
				if key.Public == nil && key.Certificate != nil {
					public = key.Certificate.PublicKey
				}
				found = append(found, keyAt{key.Address, public})
			}
		}
		return found, err
	}
	tokens, err := hsm.List(r.ctx, address.(uri.URI), r.device.tokenOptions(address.(uri.URI)))
	for _, token := range tokens {
		err = errors.Join(err, token.Err)
		for _, key := range token.Keys {
			found = append(found, keyAt{key.Address, key.Public})
		}
	}
	return found, err
}
