package enroll

// Going on with an enrolment by flags, and its end: the first login.

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// errNothingUnderWay says that there is no enrolment to go on with.
var errNothingUnderWay = errors.New("no enrolment is under way")

// findPending returns the enrolment under way: that of the key that was typed; else that whose
// request the CA's answer in a file is to, if there is a file; else that of the profile's key;
// else the only one.
func findPending(r *device.Run, e Enrolment) (*Pending, error) {
	known := NewStore()
	found := known.All()
	address, err := r.Device.Address()
	var fitting []*Pending
	if err == nil {
		fitting = known.Fitting(address)
	}
	switch {
	case err == nil && e.TypedKey && len(fitting) == 0:
		return nil, NothingUnderWay(address, found)
	case err == nil && e.TypedKey:
		found = fitting
	case e.Certificate != "" && len(found) > 1:
		certs, err := device.ReadCertificates(e.Certificate)
		if err != nil {
			return nil, err
		}
		if p := answered(found, certs); p != nil {
			return p, nil
		}
	case err == nil && len(fitting) > 0: // the profile's may be another, for daily use
		found = fitting
	}
	switch len(found) {
	case 0:
		return nil, NothingUnderWay(nil, nil)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%w: several enrolments are under way; choose one with --key%s", settings.ErrSettings, others(found))
}

// NothingUnderWay says that there is no enrolment of the key, or none at all if meant is nil, and
// which others there are.
func NothingUnderWay(meant config.Address, found []*Pending) error {
	err := errNothingUnderWay
	if meant != nil {
		err = fmt.Errorf("%w for %s", err, meant)
	}
	if len(found) > 0 {
		return fmt.Errorf("%w; there are:%s", err, others(found))
	}
	return fmt.Errorf("%w; to begin one: %s enroll --key ADDRESS --email YOU", err, build.Program)
}

// answered returns the enrolment whose request one of the certificates is for; nil for none.
func answered(found []*Pending, certs []*x509.Certificate) *Pending {
	for _, p := range found {
		key, ok := p.Public().(*rsa.PublicKey)
		if ok && slices.ContainsFunc(certs, func(cert *x509.Certificate) bool { return key.Equal(cert.PublicKey) }) {
			return p
		}
	}
	return nil
}

// others lists enrolments for an error.
func others(found []*Pending) string {
	var text strings.Builder
	for _, p := range found {
		fmt.Fprintf(&text, "\n%s (%s)", p.Key, p.Waits())
	}
	return text.String()
}

// GoOnWith sets what the enrolment knows already.
func GoOnWith(r *device.Run, p *Pending, e *Enrolment) {
	r.Profile.Keys = []config.Address{p.Address()}
	e.Email, e.Name, e.Subject, e.ReuseKey = p.Email, p.Name, p.Subject, true
	if e.Card.ManagementKey == "" {
		e.Card.ManagementKey = p.ManagementKey
	}
}

// resume does what can be done without the CA's answer and without a login: it makes the
// request, or prints it again, and says what is waited for.
func resume(r *device.Run, e Enrolment, p *Pending) error {
	if e.UploadOut != "" && p.Step != StepStored {
		return fmt.Errorf("--upload-out: there is no certificate yet; %s", p.Waits())
	}
	switch p.Step {
	case StepMaking, StepKey:
		return request(r, e, p)
	case StepRequest:
		r.Say.Note("%s", p.Waits())
		if err := PutRequest(r, e, p); err != nil {
			return err
		}
		err := AttestAgain(r, e, p)
		sayNext(r, e, p)
		return err
	}
	r.Say.Note("%s", p.Waits())
	if err := AttestAgain(r, e, p); err != nil {
		return err
	}
	if e.UploadOut != "" {
		p.UseKept(r)
		cert, err := r.Certificate()
		if err != nil {
			return err
		}
		return sayUpload(r, e, p.Address(), cert, Kept(p.Certificate))
	}
	if p.Upload != "" {
		r.Say.Note("the file to register is %s: %s > Add Certificates", p.Upload, WhereToRegister)
	}
	r.Say.Note("next: %s enroll --key %s --check%s", build.Program, shell.Quote(p.Key), e.Next.Login)
	return nil
}

// firstLogin logs in as whoami does, which ends the enrolment: with the certificate of the flag, else that
// of the enrolment or of the settings, if there is one, else the device has it.
func firstLogin(r *device.Run, e Enrolment, address config.Address) error {
	address = r.Device.At(address).Address(r.Ctx)
	r.Profile.Keys = []config.Address{address}
	if useKeptOf(r, address); e.Certificate != "" {
		r.Profile.Certificate = e.Certificate
	}
	who, err := login.Whoami(r, "")
	if err != nil {
		return err
	}
	Forget(r, address)
	file, _ := settings.ParseConfig(r.Config) // nil for one that is not there yet
	var kept Kept
	if r.Profile.Certificate != "" {
		kept = Kept(paths.Absolute(r.Profile.Certificate))
	}
	r.Say.Note("the first login worked. %s", strings.TrimSuffix(Lacking(r, file, r.Config, address, kept, e.Next.Config), "\n"))
	return e.tellUser(address, who)
}

// Forget ends the enrolment of the key that has just logged in. Others that the address may mean
// go on.
func Forget(r *device.Run, address config.Address) {
	known := NewStore()
	under := known.Fitting(address)
	public := publicAmong(r, under, address)
	for _, p := range under {
		if !p.isOf(address, public) {
			continue
		}
		if err := known.finish(p); err != nil {
			r.Say.Warn("this enrolment is done, but its record cannot be removed: %v", err)
		}
	}
}

// publicAmong returns the public key that the address means, where that has to be known to tell
// which of the enrolments is its; else nil.
func publicAmong(r *device.Run, under []*Pending, address config.Address) crypto.PublicKey {
	if !slices.ContainsFunc(under, func(p *Pending) bool { return !p.isOf(address, nil) }) {
		return nil
	}
	cert, err := r.Certificate()
	if err != nil {
		r.Say.Warn("cannot tell which enrolment this was, so only that of %s is removed: %v", address, err)
		return nil
	}
	return cert.PublicKey
}

// ConfigText returns the profile with which this login needs no flags.
func ConfigText(r *device.Run, address config.Address) string {
	var text strings.Builder
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&text, "%s = %s\n", name, TomlString(value))
		}
	}
	fmt.Fprintf(&text, "[profile.%s]\n", TomlName(r.Profile.Name))
	row("key", address.String())
	if r.Profile.Certificate != "" {
		row("certificate", paths.Absolute(r.Profile.Certificate))
	}
	source := r.Profile.PIN
	if source.Kind == config.PINFile {
		row("pin", config.PINSource{Kind: source.Kind, Arg: paths.Absolute(source.Arg)}.String())
	} else {
		row("pin", source.String())
	}
	if r.Profile.NoPINPad {
		row("pin_pad", "no")
	}
	if _, inAddress := address.Get("pin-source"); source.Kind == "" && !inAddress || pin.Interactive(source) {
		text.WriteString("# For jobs without a person: pin = \"file:PATH\", " + remedy.Here().PINStores() + " or command:PROGRAM\n")
	}
	row("region", r.Profile.Region)
	row("auth_url", r.Profile.AuthURL)
	row("api_url", r.Profile.APIURL)
	if r.Profile.CAFile != "" {
		row("ca_file", paths.Absolute(r.Profile.CAFile))
	}
	return text.String()
}

// TomlString returns a text as TOML has it: what JSON writes for a text is a basic string of
// TOML, as long as it is UTF-8.
func TomlString(text string) string {
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false) // addresses have ampersands, for people to read
	encoder.Encode(text)         // texts always encode
	return strings.TrimSuffix(quoted.String(), "\n")
}

// TomlName returns a name as TOML has it, bare where it can be.
func TomlName(name string) string {
	if name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == "" {
		return name
	}
	return TomlString(name)
}
