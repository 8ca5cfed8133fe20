package enroll

// What enroll does with a key: it makes it and has it sign a request.

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// Begin makes the key, unless there is one to be used again, and returns the enrolment.
// From then on it is remembered: a key that was made stays.
func Begin(r *device.Run, e Enrolment, address config.Address) (*Pending, error) {
	address, err := placeFor(r, e, address)
	if err != nil {
		return nil, err
	}
	p := &Pending{
		Key: address.String(), Email: e.Email, Name: e.Name, Subject: e.Subject, Step: StepMaking, ManagementKey: e.Card.ManagementKey,
		Bits: e.Bits, PINPolicy: e.Card.pinPolicy, TouchPolicy: e.Card.TouchPolicy,
	}
	if e.ReuseKey {
		p.Step = StepKey
		return p, nil
	}
	if err := notMade(r, address); err != nil {
		return nil, err
	}
	if err := makePending(r, e, p); err != nil {
		return nil, err
	}
	return p, nil
}

// notMade refuses an address that a key was made for already, which the device has named otherwise,
// and still has.
func notMade(r *device.Run, address config.Address) error {
	known := NewStore()
	p := known.made(address)
	if p == nil {
		return nil
	}
	found, err := r.Device.At(p.Address()).Keys(r.Ctx, true)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return known.Forget(p)
	}
	return &hardware.KeyExistsError{
		Address: p.Key, Text: fmt.Sprintf("%s, as the device has named it when it was to be %s", p.Key, address),
	}
}

// makePending makes the key of an enrolment, which is remembered from right before that.
func makePending(r *device.Run, e Enrolment, p *Pending) error {
	begun := false
	address, err := MakeKey(r, e, p.Address(), func() error {
		begun = true
		Remember(r, p)
		return nil
	})
	if err != nil {
		if begun && r.Ctx.Err() == nil { // else it is not known
			err = errors.Join(err, NewStore().Forget(p))
		}
		return err
	}
	r.Say.Note("made %s", address)
	if device.Name(address) != device.Name(p.Address()) {
		r.Say.Warn("the device has named the key itself, so its address is not the one asked for: from now on use the one above")
		p.Asked = p.Key
	}
	p.Key, p.Step = address.String(), StepKey
	Remember(r, p)
	return nil
}

// findOrMake finds the key that an interrupted call may have made, or makes it.
func findOrMake(r *device.Run, e Enrolment, p *Pending) error {
	found, err := r.Device.At(p.Address()).Keys(r.Ctx, true)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		e.Bits, e.Card.pinPolicy, e.Card.TouchPolicy = p.Bits, p.PINPolicy, p.TouchPolicy
		return makePending(r, e, p)
	case len(found) > 1:
		return fmt.Errorf("%w: %s fits several keys; say which is to have the request with --key ADDRESS --email %s --reuse-key", settings.ErrSettings, p.Address(), p.Email)
	}
	r.Say.Note("the key was made before the interruption: %s", found[0].Address)
	p.Key, p.Step = found[0].Address.String(), StepKey
	Remember(r, p)
	return nil
}

// placeFor returns the address of a key to be made, or to be used again, as far as it can
// be known before. The person must choose its label or slot: other programs use each slot of a
// card for what the standard says, such as 9a for logging in to this computer.
func placeFor(r *device.Run, e Enrolment, address config.Address) (config.Address, error) {
	if !e.ReuseKey {
		if err := device.CheckNamed(address, "the new key"); err != nil {
			return nil, err
		}
	}
	return r.Device.At(address).Address(r.Ctx), nil
}

// MakeKey makes a key and returns its address. before is called right before that.
func MakeKey(r *device.Run, e Enrolment, address config.Address, before func() error) (config.Address, error) {
	spec := e.Card.keySpec()
	spec.Bits, spec.Before = cmp.Or(e.Bits, DefaultBits), before
	return r.Device.At(address).Make(r.Ctx, spec)
}

// errUnderWay says that a key which exists is that of an enrolment.
var errUnderWay = errors.New("an enrolment is under way for it")

// goOn returns the command that goes on with an enrolment.
func (e Enrolment) goOn(p *Pending) string {
	isThis := func(known *Pending) bool { return known.Key == p.Key }
	if slices.ContainsFunc(NewStore().All(), isThis) {
		return shell.Join(build.Program, "enroll", "--resume", "--key", p.Key) + e.More
	}
	return shell.Join(build.Program, "enroll", "--key", p.Key, "--email", p.Email, "--reuse-key")
}

// orUnderWay adds to the error that a key exists that its enrolment for this user waits.
func orUnderWay(err error, e Enrolment, address config.Address) error {
	if !errors.Is(err, hardware.ErrKeyExists) {
		return err
	}
	for _, p := range NewStore().Fitting(address) {
		if strings.EqualFold(p.Email, e.Email) {
			err = fmt.Errorf("%w; %w, for %s: %s", err, errUnderWay, p.Email, p.Waits())
			return &explain.ResumableError{Err: err, Next: e.goOn(p)}
		}
	}
	return err
}

// request has the key sign a CSR and writes it where the flags say. Where it fails the key
// is there all the same, and the error says how to go on from it.
func request(r *device.Run, e Enrolment, p *Pending) error {
	if err := Sign(r, e, p); err != nil {
		return OrKeyMade(err, e, p)
	}
	if err := PutRequest(r, e, p); err != nil {
		if e.IsFile() {
			err = fmt.Errorf("%w; the key is made, and its CSR is kept; to write it: %s enroll --resume --output FILE", err, build.Program)
		}
		return err
	}
	// The request is out by now and is good without the attestation, so what comes next is
	// said whether or not there is one.
	err := AttestKey(r, e, p)
	r.Say.Note("ask for an S/MIME (\"personal\", \"client\") certificate with %s in the subject alternative name; an SSL (server) certificate will not do", p.Email)
	sayNext(r, e, p)
	return err
}

// OrKeyMade adds to the error that a request is not made how to go on, if the enrolment has made
// the key: what was typed would not make another.
func OrKeyMade(err error, e Enrolment, p *Pending) error {
	if p.Step != StepKey || e.ReuseKey && !e.Resume {
		return err
	}
	return &explain.ResumableError{Err: fmt.Errorf("%w; the key is made, and its request (CSR) is not", err), Next: e.goOn(p)}
}

// Sign has the key sign the request. It uses SHA-256, which no login is signed with: a
// CSR that somebody keeps is not a login (contract section 1.4).
func Sign(r *device.Run, e Enrolment, p *Pending) error {
	if p.Step == StepMaking {
		if err := findOrMake(r, e, p); err != nil {
			return err
		}
	}
	template, err := e.template()
	if err != nil {
		return err
	}
	csr, err := e.requestOf(r, p, template)
	if err != nil {
		return err
	}
	p.Request, p.Step = device.EncodePEM("CERTIFICATE REQUEST", csr), StepRequest
	Remember(r, p)
	return nil
}

// PutRequest writes the request to its file, or to standard output.
func PutRequest(r *device.Run, e Enrolment, p *Pending) error {
	switch {
	case e.IsFile():
	case e.JSON:
		return nil // see tell
	default:
		return console.PrintResult(p.Request)
	}
	if err := console.WriteOut(r.Ctx, e.Output, p.Request); err != nil {
		return fmt.Errorf("the CSR: %w", err)
	}
	p.RequestFile = console.NameOf(e.Output)
	Remember(r, p)
	r.Say.Note("wrote the CSR to %s", e.Output)
	return nil
}

// AttestKey has the device certify that the key was made on it, where it can.
func AttestKey(r *device.Run, e Enrolment, p *Pending) error {
	place, ok := r.Device.At(p.Address()).(device.Attester)
	if !ok {
		return nil
	}
	return attest(r, place, e.Card.attestation, p.Key)
}

// AttestAgain is AttestKey of a key whose request was made by an earlier call: that may have been
// interrupted before the attestation, which is made if this call asks for it.
func AttestAgain(r *device.Run, e Enrolment, p *Pending) error {
	if e.Card.attestation == "" {
		return nil
	}
	return AttestKey(r, e, p)
}

// sayNext says what comes after the CSR.
func sayNext(r *device.Run, e Enrolment, p *Pending) {
	r.Say.Note("next: send the CSR to your CA, then: %s enroll --key %s%s --certificate FILE%s", build.Program, shell.Quote(p.Key), flagsForStoring(p.ManagementKey), e.Next.Login)
}

// Remember writes an enrolment down. Without a home it does nothing: every step also works by
// itself.
func Remember(r *device.Run, p *Pending) {
	if p.OfRotation {
		return
	}
	known := NewStore()
	if err := known.save(p); err != nil && known.dir != "" {
		r.Say.Warn("%v; give --key at the next steps", err)
	}
}

// publicKeys returns the public keys that the address means, each as of tells it, which is nil for a
// key that is passed over. It asks for a PIN where none show without; a refused PIN is the error.
// Storing meets other trouble too, and words it.
func publicKeys(r *device.Run, address config.Address, of func(device.FoundKey) crypto.PublicKey) (keys []crypto.PublicKey, err error) {
	place := r.Device.At(address)
	for _, logIn := range []bool{false, true} {
		found, err := place.Keys(r.Ctx, logIn)
		if pin.IsRefusal(err) {
			return nil, err
		}
		for _, key := range found {
			if public := of(key); public != nil {
				keys = append(keys, public)
			}
		}
		if len(keys) > 0 {
			break
		}
	}
	return keys, nil
}

// template returns what the CSR asks for: what Anaplan wants to see in the
// certificate (contract section 5.1): the e-mail address in the subject alternative
// name and not in the common name, where Anaplan does not look.
func (e Enrolment) template() (*x509.CertificateRequest, error) {
	subject, err := e.SubjectName()
	return &x509.CertificateRequest{
		Subject:         subject,
		EmailAddresses:  []string{e.Email},
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
