package device

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
	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/foreign"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// Device is the hardware side of one run: the profile's keys, and how to get
// their PIN.
type Device struct {
	Profile *config.Profile
	PIN     *pin.Asker // one for all keys, so that a refusal by one device is known to all
	Touch   *toucher
	Say     *console.Messenger

	Closings *Closings // of what was opened

	// Locks is the directory of the locks on devices; "": there is none.
	Locks string
}

// New returns the device of a profile. Waiting for a PIN does not count for the deadline.
func New(profile *config.Profile, deadline *console.Deadline, say *console.Messenger) *Device {
	asker := &pin.Asker{
		Source: profile.PIN,
		Book:   pin.NewBook(paths.State(), paths.SocketDirectories(), paths.KeyDirectories()),
		Pause:  deadline.Pause,
		Say:    say,
		Hide:   foreign.Hide,
	}
	touch := &toucher{command: profile.TouchCommand, say: say}
	return &Device{Profile: profile, PIN: asker, Touch: touch, Say: say, Closings: new(Closings), Locks: LockDir()}
}

// Address returns the first key's address, for what is done to one key only; ErrNoAddress without
// one. Loading the settings does not fail for that, because some commands need no key (token
// --payload, cert --certificate).
func (d *Device) Address() (config.Address, error) {
	if len(d.Profile.Keys) == 0 {
		return nil, settings.NoAddress(d.Profile)
	}
	return d.Profile.Keys[0], nil
}

// certificate returns the certificate of the file that the profile names; nil where it names none,
// ErrCertificateFile where that is unusable.
func (d *Device) certificate() (*x509.Certificate, error) {
	if d.Profile.Certificate == "" {
		return nil, nil
	}
	return ReadCertificate(d.Profile.Certificate)
}

// Key is a key that is open, in a token or on a card.
type Key interface {
	agent.Key
	Close() error
}

// Open opens the first of the profile's keys whose device is there. If there is none it returns the
// last error; the others have been told as warnings.
func (d *Device) Open(ctx context.Context) (Key, error) {
	if _, err := d.Address(); err != nil {
		return nil, err
	}
	cert, err := d.certificate()
	if err != nil {
		return nil, err
	}
	// All but the last are told as they come; only the last is the command's error.
	var failures []error
	for _, address := range d.Profile.Keys {
		key, err := d.openAlone(ctx, address, cert)
		if err == nil {
			d.Doubt(key.Certificate())
			return key, nil
		}
		failures = append(failures, err)
		if !isAbsent(err) {
			break
		}
		if len(failures) < len(d.Profile.Keys) {
			d.Say.Warn("%v", err)
			d.Say.Note("trying the next key")
		}
	}
	return nil, failures[len(failures)-1]
}

// tokenOptions returns hsm's options for this run. A configured PIN is used, even if the token says
// that it needs none.
func (d *Device) tokenOptions(address uri.URI) hsm.Options {
	_, inAddress := address.Get("pin-source")
	named := inAddress || d.Profile.PIN.Kind != "" && d.Profile.PIN.Kind != config.PINNone
	options := d.publicOptions()
	options.PIN, options.LogIn, options.NoPINPad = d.PIN.ForToken(address), named, d.Profile.NoPINPad
	return options
}

// publicOptions returns hsm's options for what is to be seen without a PIN. What was opened
// before is closed by then: a module is not opened twice.
func (d *Device) publicOptions() hsm.Options {
	d.close(d.Closings.reopen)
	return hsm.Options{Closing: d.Closings.Module, CloseNow: d.closeNow}
}

// closeNow closes a module that is opened again at once, and reports whether it has closed. It is
// hsm.Options.CloseNow.
func (d *Device) closeNow(path string, close func()) (closed bool) {
	d.Closings.Module(path, close)
	d.close(func() error {
		err := d.Closings.reopen()
		closed = err == nil
		return err
	})
	return closed
}

// LetGo closes what was opened, and waits for that. It is for a command that has long to do with
// what it got.
func (d *Device) LetGo() { d.close(d.Closings.End) }

// close closes what was opened, in some way, and warns of what does not close well: the work is
// done by then.
func (d *Device) close(way func() error) {
	if err := way(); err != nil {
		d.Say.Warn("%v", err)
	}
}

// cardOptions returns piv's options for this run. Where a person types the PIN the
// card is let go of meanwhile.
func (d *Device) cardOptions(address pivuri.URI) piv.Options {
	d.close(d.Closings.reopen)
	source, _ := d.PIN.SourceFor(pin.Request{}) // a card's address says nothing of it
	return piv.Options{
		PIN: d.PIN.ForCard(address), Slow: pin.Interactive(source) && !d.PIN.HasPIN(), Tell: d.Touch.tell, Found: d.Touch.found,
		Unattended: d.PIN.Remote != nil && !d.PIN.Remote.Attended,
	}
}

// isAbsent reports whether the device is not there, or in trouble: then the next key may do. A
// wrong PIN or certificate does not count: going on would hide the mistake until the second device
// fails too, and spend PIN tries on both.
func isAbsent(err error) bool {
	if _, spent := errors.AsType[*pin.SpentError](err); spent {
		return false
	}
	return errors.Is(err, hsm.ErrModule) || hsm.Transient(err) || piv.Transient(err)
}

// tellOf says which keys and certificates were passed over. After a renewal two certificates are on
// the token for a while, and it must be clear which of them logs in. A slot of a card has only one.
func (d *Device) tellOf(key *hsm.Key) {
	for _, other := range key.Others() {
		d.Say.Note("key %s is not used: it has no certificate", other)
	}
	for _, other := range key.PassedOver() {
		d.Say.Note("certificate %s is not used: %s", Describe(other.Certificate), other.Note)
	}
}

// Doubt tells what Anaplan may have against a certificate. They are warnings: the
// server is the judge, and which CAs it trusts is not public (contract section 5.1).
func (d *Device) Doubt(cert *x509.Certificate) {
	for _, doubt := range agent.Examine(cert) {
		d.Say.Warn("%s", doubt)
	}
}

// Describe names a certificate in a line: its subject, the address that Anaplan goes by, and its
// end. The subject is the CA's text, so it is quoted.
func Describe(cert *x509.Certificate) string {
	if cert == nil {
		return "(unreadable)"
	}
	name := certread.Name(cert.Subject)
	if email := agent.Email(cert); email != "" && !strings.Contains(name, email) {
		name += " <" + email + ">"
	}
	return fmt.Sprintf("%q, valid until %s", name, cert.NotAfter.Format("2006-01-02"))
}
