package main

// The device of a profile: its keys in the order in which to try them, and what is
// told about the certificate on the way. Only a device that is absent or in trouble
// makes the next key be tried.

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/foreign"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// errNoAddress says that no key is named anywhere: not by flag, environment or
// profile.
var errNoAddress = errors.New("no key is named")

// noAddressError is errNoAddress where a profile may have been meant that has one.
type noAddressError struct{ profiles []string }

// Error implements error.
func (e *noAddressError) Error() string {
	return fmt.Sprintf("%v, and the configuration file has no profile %q: it has %s", errNoAddress, config.DefaultProfile, strings.Join(e.profiles, ", "))
}

// Unwrap returns errNoAddress.
func (e *noAddressError) Unwrap() error { return errNoAddress }

// noAddress returns why there is no key.
func noAddress(profile *config.Profile) error {
	if len(profile.Others) == 0 {
		return errNoAddress
	}
	return &noAddressError{profile.Others}
}

// device is the hardware side of one run: the profile's keys, and how to get
// their PIN.
type device struct {
	profile *config.Profile
	pin     *pin.Asker // one for all keys, so that a refusal by one device is known to all
	touch   *toucher
	say     *messenger

	closings *closings // of what was opened

	// locks is the directory of the locks on devices; "": there is none.
	locks string
}

// newDevice returns the device of a profile. Waiting for a PIN does not use up
// patience.
func newDevice(profile *config.Profile, patience *patience, say *messenger) *device {
	asker := &pin.Asker{
		Source: profile.PIN,
		Book:   pin.NewBook(paths.State(), socketDirectories(), paths.Keys()),
		Pause:  patience.pause,
		Say:    say,
		Hide:   foreign.Hide,
	}
	touch := &toucher{command: profile.TouchCommand, say: say}
	return &device{profile: profile, pin: asker, touch: touch, say: say, closings: new(closings), locks: lockDir()}
}

// address returns the first key's address, for what is done to one key only;
// errNoAddress without one. It is no error of loading the settings, because some
// commands need no key (token --payload, cert --certificate).
func (d *device) address() (config.Address, error) {
	if len(d.profile.Keys) == 0 {
		return nil, noAddress(d.profile)
	}
	return d.profile.Keys[0], nil
}

// certificate returns the certificate of the file that the profile names; nil where
// it names none, errCertificateFile where that is of no use.
func (d *device) certificate() (*x509.Certificate, error) {
	if d.profile.Certificate == "" {
		return nil, nil
	}
	return readCertificate(d.profile.Certificate)
}

// deviceKey is a key that is open, in a token or on a card.
type deviceKey interface {
	agent.Key
	Close() error
}

// open opens the first of the profile's keys whose device is there, and returns the
// last error if there is none. The others have been told as warnings by then.
func (d *device) open(ctx context.Context) (deviceKey, error) {
	if _, err := d.address(); err != nil {
		return nil, err
	}
	cert, err := d.certificate()
	if err != nil {
		return nil, err
	}
	// All but the last are told as they come; only the last is the command's error.
	var failures []error
	for _, address := range d.profile.Keys {
		key, err := d.openAlone(ctx, address, cert)
		if err == nil {
			d.doubt(key.Certificate())
			return key, nil
		}
		failures = append(failures, err)
		if !isAbsent(err) {
			break
		}
		if len(failures) < len(d.profile.Keys) {
			d.say.Warn("%v", err)
			d.say.Note("trying the next key")
		}
	}
	return nil, failures[len(failures)-1]
}

// openOne opens the key of an address, in whatever kind of device it is. This is where
// the two kinds part: whoever signs knows an agent.Key only.
func (d *device) openOne(ctx context.Context, address config.Address, cert *x509.Certificate) (deviceKey, error) {
	if card, ok := address.(pivuri.URI); ok {
		return d.openCard(ctx, card, cert)
	}
	token := address.(uri.URI)
	options := d.tokenOptions(token)
	options.Certificate = cert
	key, err := hsm.Open(ctx, token, options)
	if err != nil {
		return nil, err
	}
	d.tellOf(key)
	return key, nil
}

// openCard opens a key on a card.
func (d *device) openCard(ctx context.Context, address pivuri.URI, cert *x509.Certificate) (deviceKey, error) {
	options := d.cardOptions(address)
	options.Certificate = cert
	key, err := piv.Open(ctx, address, options)
	if err != nil {
		return nil, err
	}
	d.touch.set(key.Address().Serial)
	return cardKey{key, d.closings}, nil
}

// cardKey is a key on a card that is closed with the others.
type cardKey struct {
	*piv.Key
	closings *closings
}

// Close implements deviceKey.
func (k cardKey) Close() error {
	k.closings.add("the smart card service", func() { k.Key.Close() })
	return nil
}

// tokenOptions returns hsm's options for this run. A PIN that somebody has named is used,
// whatever the token says of itself.
func (d *device) tokenOptions(address uri.URI) hsm.Options {
	_, inAddress := address.Get("pin-source")
	named := inAddress || d.profile.PIN.Kind != "" && d.profile.PIN.Kind != config.PINNone
	options := d.publicOptions()
	options.PIN, options.LogIn, options.NoPINPad = d.pin.ForToken(address), named, d.profile.NoPINPad
	return options
}

// publicOptions returns hsm's options for what is to be seen without a PIN. What was opened
// before is closed by then: a module is not opened twice.
func (d *device) publicOptions() hsm.Options {
	d.close(d.closings.reopen)
	return hsm.Options{Closing: d.closings.module}
}

// close closes what was opened, in some way, and warns of what does not close well: that
// changes nothing of what it was opened for.
func (d *device) close(way func() error) {
	if err := way(); err != nil {
		d.say.Warn("%v", err)
	}
}

// cardOptions returns piv's options for this run. Where a person types the PIN the
// card is let go of meanwhile.
func (d *device) cardOptions(address pivuri.URI) piv.Options {
	d.close(d.closings.reopen)
	d.touch.set(address.Serial)
	source, _ := d.pin.SourceFor(pin.Request{}) // a card's address says nothing of it
	return piv.Options{
		PIN: d.pin.ForCard(address), Slow: pin.Interactive(source) && !d.pin.HasPIN(), Tell: d.touch.tell,
		Unattended: d.pin.Remote != nil && !d.pin.Remote.Attended,
	}
}

// isAbsent reports whether the device is not there, or in trouble: then the next
// key may do. A wrong PIN or certificate is no reason to go on: it would hide the
// mistake until the second device fails too, and spend PIN tries on both.
func isAbsent(err error) bool {
	if _, spent := errors.AsType[*pin.SpentError](err); spent {
		return false
	}
	return errors.Is(err, hsm.ErrModule) || hsm.Transient(err) || piv.Transient(err)
}

// tellOf says which keys and certificates were passed over. After a renewal two
// certificates are on the token for a while, and which of them logs in must not be a
// riddle. A slot of a card has one.
func (d *device) tellOf(key *hsm.Key) {
	for _, other := range key.Others() {
		d.say.Note("key %s is not used: it has no certificate", other)
	}
	for _, other := range key.PassedOver() {
		d.say.Note("certificate %s is not used: %s", describe(other.Certificate), other.Note)
	}
}

// doubt tells what Anaplan may have against a certificate. They are warnings: the
// server is the judge, and which CAs it trusts is not public (contract section 5.1).
func (d *device) doubt(cert *x509.Certificate) {
	for _, doubt := range agent.Examine(cert) {
		d.say.Warn("%s", doubt)
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
