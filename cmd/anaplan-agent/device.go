package main

// The device of a profile: its keys in the order in which to try them, and what is
// told about the certificate on the way. Only a device that is absent or in trouble
// makes the next key be tried.

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// errNoAddress says that no key is named anywhere: not by flag, environment or
// profile.
var errNoAddress = errors.New("no key is named")

// device is the hardware side of one run: the profile's keys, and how to get
// their PIN.
type device struct {
	profile *config.Profile
	pin     *pinAsker // one for all keys, so that a refusal by one token is known to all
	say     *messenger
}

// newDevice returns the device of a profile. Waiting for a PIN does not use up
// patience.
func newDevice(profile *config.Profile, patience *patience, pinChanged bool, say *messenger) *device {
	return &device{profile, &pinAsker{
		source:   profile.PIN,
		changed:  pinChanged,
		refusals: refusals{dir: stateDir()},
		patience: patience,
		say:      say,
	}, say}
}

// address returns the first key's address, for what is done to one key only;
// errNoAddress without one. It is no error of loading the settings, because some
// commands need no key (token --payload, cert --certificate).
func (d *device) address() (uri.URI, error) {
	if len(d.profile.Keys) == 0 {
		return uri.URI{}, errNoAddress
	}
	return d.profile.Keys[0], nil
}

// options returns hsm's options for this run; errCertificateFile where the file
// that the profile names is of no use.
func (d *device) options() (hsm.Options, error) {
	options := hsm.Options{PIN: d.pin.ask}
	if d.profile.Certificate == "" {
		return options, nil
	}
	cert, err := readCertificate(d.profile.Certificate)
	options.Certificate = cert
	return options, err
}

// open opens the first of the profile's keys whose device is there, and returns the
// last error if there is none. The others have been told as warnings by then.
func (d *device) open(ctx context.Context) (*hsm.Key, error) {
	if _, err := d.address(); err != nil {
		return nil, err
	}
	options, err := d.options()
	if err != nil {
		return nil, err
	}
	// All but the last are told as they come; only the last is the command's error.
	var failures []error
	for _, address := range d.profile.Keys {
		key, err := hsm.Open(ctx, address, options)
		d.pin.settle(err) // whatever it was, before the next token is asked
		if err == nil {
			d.tellOf(key)
			return key, nil
		}
		failures = append(failures, err)
		if !isAbsent(err) {
			break
		}
		if len(failures) < len(d.profile.Keys) {
			d.say.warn("%v", err)
			d.say.note("trying the next key")
		}
	}
	return nil, failures[len(failures)-1]
}

// isAbsent reports whether the device is not there, or in trouble: then the next
// key may do. A wrong PIN or certificate is no reason to go on: it would hide the
// mistake until the second device fails too, and spend PIN tries on two tokens.
func isAbsent(err error) bool {
	return errors.Is(err, hsm.ErrModule) || hsm.Transient(err)
}

// tellOf says which certificates were passed over, and what Anaplan may have
// against the one that is used. After a renewal both are on the token for a while,
// and which of them logs in must not be a riddle.
func (d *device) tellOf(key *hsm.Key) {
	for _, other := range key.Others() {
		d.say.note("key %s is not used: it has no certificate", other)
	}
	for _, other := range key.PassedOver() {
		d.say.note("certificate %s is not used: %s", describe(other.Certificate), other.Note)
	}
	d.doubt(key.Certificate())
}

// doubt tells what Anaplan may have against a certificate. They are warnings: the
// server is the judge, and which CAs it trusts is not public (contract section 5.1).
func (d *device) doubt(cert *x509.Certificate) {
	for _, doubt := range agent.Doubts(cert) {
		d.say.warn("Anaplan will probably refuse the certificate: %s", doubt)
	}
}

// describe names a certificate in a line: whom it is for, by the address that
// Anaplan goes by, and how long. The subject is the CA's text, so it is quoted.
func describe(cert *x509.Certificate) string {
	if cert == nil {
		return "(unreadable)"
	}
	name := cert.Subject.String()
	if email := agent.Email(cert); email != "" {
		name += " <" + email + ">"
	}
	return fmt.Sprintf("%q, valid until %s", name, cert.NotAfter.Format("2006-01-02"))
}
