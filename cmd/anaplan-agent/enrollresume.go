package main

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
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
)

// errNothingUnderWay says that there is no enrolment to go on with.
var errNothingUnderWay = errors.New("no enrolment is under way")

// findPending returns the enrolment under way: that of the key that was typed; else that whose
// request the CA's answer in a file is to, if there is a file; else that of the profile's key;
// else the only one.
func (r *deviceRun) findPending(e enrolment) (*pending, error) {
	known := newEnrolments()
	found := known.all()
	address, err := r.device.address()
	fitting := known.fitting(address)
	switch {
	case err == nil && e.typedKey && len(fitting) == 0:
		return nil, nothingUnderWay(address, found)
	case err == nil && e.typedKey:
		found = fitting
	case e.certificate != "" && len(found) > 1:
		certs, err := readCertificates(e.certificate)
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
		return nil, nothingUnderWay(nil, nil)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%w: several enrolments are under way; say which by --key%s", errSettings, others(found))
}

// nothingUnderWay says that there is no enrolment of the key that is meant, nil for any, and which
// others there are.
func nothingUnderWay(meant config.Address, found []*pending) error {
	err := errNothingUnderWay
	if meant != nil {
		err = fmt.Errorf("%w for %s", err, meant)
	}
	if len(found) > 0 {
		return fmt.Errorf("%w; there are:%s", err, others(found))
	}
	return fmt.Errorf("%w: %s enroll --key ADDRESS --email YOU begins one", err, program)
}

// answered returns the enrolment whose request one of the certificates is for; nil for none.
func answered(found []*pending, certs []*x509.Certificate) *pending {
	for _, p := range found {
		key, ok := p.public().(*rsa.PublicKey)
		if ok && slices.ContainsFunc(certs, func(cert *x509.Certificate) bool { return key.Equal(cert.PublicKey) }) {
			return p
		}
	}
	return nil
}

// others lists enrolments for an error.
func others(found []*pending) string {
	var text strings.Builder
	for _, p := range found {
		fmt.Fprintf(&text, "\n%s (%s)", p.Key, p.waits())
	}
	return text.String()
}

// goOnWith sets what the enrolment knows already.
func (r *deviceRun) goOnWith(p *pending, e *enrolment) {
	r.profile.Keys = []config.Address{p.address()}
	e.email, e.name, e.subject, e.reuseKey = p.Email, p.Name, p.Subject, true
	if e.card.managementKey == "" {
		e.card.managementKey = p.ManagementKey
	}
}

// resume does what can be done without the CA's answer and without a login: it makes the
// request, or prints it again, and says what is waited for.
func (r *deviceRun) resume(e enrolment, p *pending) error {
	if e.uploadOut != "" && p.Step != stepStored {
		return fmt.Errorf("--upload-out: there is no certificate yet; %s", p.waits())
	}
	switch p.Step {
	case stepMaking, stepKey:
		return r.request(e, p)
	case stepRequest:
		r.say.Note("%s", p.waits())
		if err := r.putRequest(e, p); err != nil {
			return err
		}
		r.sayNext(p)
		return nil
	}
	r.say.Note("%s", p.waits())
	if e.uploadOut != "" {
		cert, err := r.certificate()
		if err != nil {
			return err
		}
		return r.sayUpload(e, p.address(), cert)
	}
	if p.Upload != "" {
		r.say.Note("the file to register is %s: %s > Add Certificates", p.Upload, whereToRegister)
	}
	r.say.Note("next: %s enroll --key %s --check", program, shellQuote(p.Key))
	return nil
}

// firstLogin logs in as whoami does, which ends the enrolment.
func (r *deviceRun) firstLogin(address config.Address) error {
	who, err := r.whoami("")
	if err != nil {
		return err
	}
	r.forget(address)
	r.say.Note("the first login worked; the profile for it, if %s has none yet:\n%s", configToBe(), r.configText(address))
	return printResult(printable(who.text(time.Now())))
}

// forget ends the enrolment of the key that has just logged in. Others that the address may mean
// go on.
func (r *deviceRun) forget(address config.Address) {
	known := newEnrolments()
	under := known.fitting(address)
	public := r.publicAmong(under, address)
	for _, p := range under {
		if !p.isOf(address, public) {
			continue
		}
		if err := known.forget(p); err != nil {
			r.say.Warn("this enrolment is done and cannot be forgotten: %v", err)
		}
	}
}

// publicAmong returns the public key that the address means, where that has to be known to tell
// which of the enrolments is its; else nil.
func (r *deviceRun) publicAmong(under []*pending, address config.Address) crypto.PublicKey {
	if !slices.ContainsFunc(under, func(p *pending) bool { return !p.isOf(address, nil) }) {
		return nil
	}
	cert, err := r.certificate()
	if err != nil {
		r.say.Warn("it cannot be told which enrolment this was, so that others than of %s are kept: %v", address, err)
		return nil
	}
	return cert.PublicKey
}

// configToBe is the configuration file of this user, whether or not it is there.
func configToBe() string { return defaultConfigs()[0] }

// configText returns the profile with which the login of this run is one without flags.
func (r *deviceRun) configText(address config.Address) string {
	var text strings.Builder
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&text, "%s = %s\n", name, tomlString(value))
		}
	}
	fmt.Fprintf(&text, "[profile.%s]\n", tomlName(r.profile.Name))
	row("key", address.String())
	source := r.profile.PIN
	if source.Kind == config.PINFile {
		row("pin", config.PINSource{Kind: source.Kind, Arg: absolute(source.Arg)}.String())
	} else {
		row("pin", source.String())
	}
	if r.profile.NoPINPad {
		row("pin_pad", "no")
	}
	if source.Kind == "" || pin.Interactive(source) {
		text.WriteString("# For jobs without a person: pin = \"file:PATH\", \"credential:NAME\" or \"command:PROGRAM\"\n")
	}
	row("region", r.profile.Region)
	row("auth_url", r.profile.AuthURL)
	row("api_url", r.profile.APIURL)
	if r.profile.CAFile != "" {
		row("ca_file", absolute(r.profile.CAFile))
	}
	return text.String()
}

// tomlString returns a text as TOML has it: what JSON writes for a text is a basic string of
// TOML, as long as it is UTF-8.
func tomlString(text string) string {
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false) // addresses have ampersands, for people to read
	encoder.Encode(text)         // texts always encode
	return strings.TrimSuffix(quoted.String(), "\n")
}

// tomlName returns a name as TOML has it, bare where it can be.
func tomlName(name string) string {
	if name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == "" {
		return name
	}
	return tomlString(name)
}
