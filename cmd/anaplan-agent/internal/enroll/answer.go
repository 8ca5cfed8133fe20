package enroll

// The CA's answer: which certificate in it is the key's, whether Anaplan will accept it, and where
// it is stored.

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
	"github.com/anaplan-agent/anaplan-agent/agent/certlint"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
)

// WhereToRegister is the path through Anaplan's pages (contract section 5.2).
const WhereToRegister = "Administration > Security > Certificates"

// errNotStored says that a person did not want the certificate.
var errNotStored = errors.New("the certificate was not stored")

// answer is what a CA has sent.
type answer struct {
	Leaf  *x509.Certificate   // the key's
	Chain []*x509.Certificate // of the CA, the leaf's issuer first
}

// StoreAnswer stores the CA's answer beside the key and makes the file to upload. It may be
// repeated: what is stored already stays.
func StoreAnswer(r *device.Run, e Enrolment, address config.Address) (Kept, error) {
	address = r.Device.At(address).Address(r.Ctx)
	got, err := ReadAnswer(r, e.Certificate, address)
	if err != nil {
		return "", err
	}
	if err := checkUser(r, got.Leaf, address); err != nil {
		return "", err
	}
	if err := Judge(r, got); err != nil {
		return "", err
	}
	kept, err := StoreCertificates(r, e, address, got)
	if err != nil {
		return "", err
	}
	return kept, sayUpload(r, e, address, got.Leaf, kept)
}

// ReadAnswer reads the CA's answer and finds the certificate of the key in it.
func ReadAnswer(r *device.Run, path string, address config.Address) (answer, error) {
	certs, err := device.ReadCertificates(path)
	if err == nil {
		certs, err = forLogins(path, certs)
	}
	if err != nil {
		return answer{}, err
	}
	// What the device itself tells: the certificate that is there may be another key's.
	keys, err := publicKeys(r, address, func(key device.FoundKey) crypto.PublicKey { return key.Public })
	if err != nil {
		return answer{}, err
	}
	// A device may not show a key that has no certificate. The request has the public key;
	// otherwise the only certificate that is not a CA's is tried: no device accepts one of another
	// key.
	if under := NewStore().Fitting(address); len(keys) == 0 && len(under) == 1 && under[0].Public() != nil {
		keys = []crypto.PublicKey{under[0].Public()}
	}
	if len(keys) == 0 {
		keys = leafKeys(certs)
	}
	got, err := pickLeaf(certs, keys)
	if err != nil {
		return answer{}, wrongAnswer(path, address, certs, err)
	}
	sayContent(r, path, certs, got)
	return got, nil
}

// forLogins returns the certificates that may be a login's or a CA's, of which there is at least one.
func forLogins(path string, certs []*x509.Certificate) (some []*x509.Certificate, err error) {
	for _, cert := range certs {
		if why := hardware.NoLogin(cert); why != "" {
			err = fmt.Errorf("%w: %s: %w", device.ErrCertificateFile, path, hardware.NotForLogins(cert, why))
			continue
		}
		some = append(some, cert)
	}
	if len(some) > 0 {
		err = nil
	}
	return some, err
}

// leafKeys returns the key of the only certificate that does not say it is a CA's (RFC 5280
// section 4.2.1.9); none of several.
func leafKeys(certs []*x509.Certificate) []crypto.PublicKey {
	leaves := slices.DeleteFunc(slices.Clone(certs), func(cert *x509.Certificate) bool { return cert.IsCA && len(certs) > 1 })
	if len(leaves) != 1 {
		return nil
	}
	return []crypto.PublicKey{leaves[0].PublicKey}
}

// errNoneFits says that the key's certificate cannot be found.
var errNoneFits = errors.New("the device does not show its public key, so the file must contain only the key's own certificate")

// pickLeaf returns the certificate of one of the keys: an address may fit several.
func pickLeaf(certs []*x509.Certificate, keys []crypto.PublicKey) (answer, error) {
	err := errNoneFits
	for _, key := range keys {
		var got answer
		if got.Leaf, got.Chain, err = certfile.Leaf(certs, key); err == nil {
			return got, nil
		}
	}
	return answer{}, err
}

// What a file may hold in place of the key's certificate.
var (
	ErrOtherKey = errors.New("the certificate is for another key")
	errOnlyCA   = errors.New("this is the CA's own certificate; yours is missing")
)

// wrongAnswer words that a file holds no certificate of the key.
func wrongAnswer(path string, address config.Address, certs []*x509.Certificate, err error) error {
	none, ok := errors.AsType[*certfile.NoLeafError](err)
	if !ok {
		return fmt.Errorf("%w: %s: %w", device.ErrCertificateFile, path, err)
	}
	kind := ErrOtherKey
	if !slices.ContainsFunc(certs, func(cert *x509.Certificate) bool { return !cert.IsCA }) {
		kind = errOnlyCA
	}
	return fmt.Errorf("%w: %s has no certificate for %s, only for %s", kind, path, address, strings.Join(none.Subjects, ", "))
}

// sayContent says what was in a file of several certificates, and which was taken: a bundle
// with the wrong one in front is the most frequent cause of trouble.
func sayContent(r *device.Run, path string, certs []*x509.Certificate, got answer) {
	if len(certs) == 1 {
		return
	}
	var lines []string
	for _, cert := range certs {
		what := "not needed"
		switch {
		case cert.Equal(got.Leaf):
			what = "the key's own"
		case slices.ContainsFunc(got.Chain, cert.Equal):
			what = "the CA's"
		}
		lines = append(lines, fmt.Sprintf("%s: %s", what, device.Describe(cert)))
	}
	r.Say.Note("%s holds %d certificates:\n%s", path, len(certs), strings.Join(lines, "\n"))
}

// Judge reports why Anaplan may refuse the certificate. A person decides about errors; without a
// person the certificate is stored, since Anaplan is the judge. An expired certificate is always
// refused.
func Judge(r *device.Run, got answer) error {
	if time.Now().After(got.Leaf.NotAfter) {
		return fmt.Errorf("%w: it has expired, so it is not stored: %s\nask the CA for a valid one; if it should be valid, set this machine's clock", device.ErrCertificateFile, device.Describe(got.Leaf))
	}
	found := certlint.Check(got.Leaf, got.Chain, time.Now())
	sayFindings(r, found)
	if finding.Worst(found) != finding.Error {
		return nil
	}
	terminal, err := console.OpenTerminal()
	if err != nil {
		return nil
	}
	defer terminal.Close()
	defer r.Device.PIN.Pause()()
	yes, err := terminal.AskYes(r.Ctx, "Anaplan will probably refuse this certificate. Store it all the same?")
	if err == nil && !yes {
		err = errNotStored
	}
	return err
}

// errOtherUser says that a certificate is for another user than the request.
var errOtherUser = errors.New("the certificate is for another user")

// checkUser compares the user of the certificate with that of the request. A person may accept
// another one; a job would run as the wrong user.
func checkUser(r *device.Run, leaf *x509.Certificate, address config.Address) error {
	found := NewStore().Fitting(address)
	under := answered(found, []*x509.Certificate{leaf})
	if under == nil && len(found) == 1 && found[0].Public() == nil { // it may be this one's
		under = found[0]
	}
	email := bareAddress(agent.Email(leaf))
	if under == nil || email == "" || strings.EqualFold(email, under.Email) { // that there is none is a finding
		return nil
	}
	what := fmt.Sprintf("the certificate is for %s, the request was for %s", console.OneLine(email), under.Email)
	terminal, err := console.OpenTerminal()
	if err != nil {
		return fmt.Errorf("%w: %s", errOtherUser, what)
	}
	defer terminal.Close()
	defer r.Device.PIN.Pause()()
	yes, err := terminal.AskYes(r.Ctx, fmt.Sprintf("T%s. Store it all the same?", console.Printable(what[1:])))
	if err == nil && !yes {
		err = errNotStored
	}
	return err
}

// bareAddress returns an address without what is around it, as in "Robot <robot@example.com>": that
// there is something is a finding, and does not make it another user.
func bareAddress(email string) string {
	if parsed, err := mail.ParseAddress(email); err == nil {
		return parsed.Address
	}
	return email
}

// sayFindings tells those that somebody should look at.
func sayFindings(r *device.Run, found []finding.Finding) {
	for _, f := range found {
		switch f.Severity {
		case finding.Error:
			r.Say.Warn("Anaplan will probably refuse the certificate: %s", withRemedy(f))
		case finding.Warning:
			r.Say.Warn("about the certificate: %s", withRemedy(f))
		}
	}
}

// withRemedy returns a finding in one line, or two.
func withRemedy(f finding.Finding) string {
	if f.Do == "" {
		return f.What
	}
	return f.What + "\n" + f.Do
}

// StoreCertificates stores the certificates of an answer: the key's, which it returns the file of where the
// device keeps none, and the CA's.
func StoreCertificates(r *device.Run, e Enrolment, address config.Address, got answer) (Kept, error) {
	kept, err := storeLeaf(r, e, address, got.Leaf)
	if err != nil {
		return "", err
	}
	return kept, storeChain(r, e, address, got.Chain, kept)
}

// storeLeaf stores the key's certificate. The device refuses one that is for another key,
// and finds out when it is there already.
func storeLeaf(r *device.Run, e Enrolment, address config.Address, leaf *x509.Certificate) (Kept, error) {
	stored, err := r.Device.At(address).StoreCertificate(r.Ctx, leaf, e.Card.ManagementKey)
	switch {
	case errors.Is(err, hardware.ErrNotKept), e.InFile && errors.Is(err, hardware.ErrNotStored):
		return keep(r, leaf, err)
	case err != nil:
		return "", err
	case stored:
		r.Say.Note("stored certificate %s", device.Describe(leaf))
	default:
		r.Say.Note("certificate %s is on the device already", device.Describe(leaf))
	}
	return "", nil
}

// storeChain keeps the CA's certificates: in the token, unless that does not keep the key's own, and
// in a file if one is named. A login does not need them, so a token without room for them is not a
// failure.
func storeChain(r *device.Run, e Enrolment, address config.Address, chain []*x509.Certificate, kept Kept) error {
	store, ok := r.Device.At(address).(device.ChainStore)
	if ok = ok && kept == ""; ok && len(chain) > 0 {
		stored, err := store.StoreChain(r.Ctx, chain)
		switch {
		case err != nil:
			r.Say.Warn("the CA's own certificates could not be stored; a login does not need them: %v", err)
		case stored > 0:
			r.Say.Note("stored %s of the CA beside it", console.Counted(stored, "certificate"))
		}
	}
	switch {
	case len(chain) == 0 && e.Guided:
	case e.ChainOut != "" && len(chain) == 0:
		r.Say.Warn("%s was not written: no certificate of the CA came with this one", e.ChainOut)
	case e.ChainOut != "":
		if err := console.WriteOut(r.Ctx, e.ChainOut, encodeChain(chain)); err != nil {
			return fmt.Errorf("the CA's certificates: %w", err)
		}
		r.Say.Note("wrote the CA's %s to %s", console.Counted(len(chain), "certificate"), e.ChainOut)
	case !ok && len(chain) > 0:
		holder := "card"
		if kept != "" {
			holder = "device"
		}
		r.Say.Note("the %s has no place for the CA's %s, and a login does not need them; --chain-out FILE keeps them", holder, console.Counted(len(chain), "certificate"))
	}
	return nil
}

// encodeChain returns certificates in one file.
func encodeChain(certs []*x509.Certificate) string {
	var text strings.Builder
	for _, cert := range certs {
		text.WriteString(device.EncodePEM("CERTIFICATE", cert.Raw))
	}
	return text.String()
}

// sayUpload writes the file for the administrator, remembers the step, and says what
// comes next.
func sayUpload(r *device.Run, e Enrolment, address config.Address, leaf *x509.Certificate, kept Kept) error {
	key := shell.Quote(address.String())
	if e.UploadOut != "" {
		if err := console.WriteOut(r.Ctx, e.UploadOut, device.EncodePEM("CERTIFICATE", leaf.Raw)); err != nil {
			return fmt.Errorf("the file to upload: %w", err)
		}
		r.Say.Note("wrote %s, the one certificate that Anaplan needs", e.UploadOut)
	}
	for _, under := range NewStore().Fitting(address) {
		if !under.isOf(address, leaf.PublicKey) {
			continue
		}
		under.Step, under.Certificate = StepStored, string(kept)
		if e.UploadOut != "" {
			under.Upload = console.NameOf(e.UploadOut)
		}
		Remember(r, under)
	}
	if e.Guided {
		return nil
	}
	kept.saySetting(r)
	switch {
	case e.UploadOut == "":
		r.Say.Note("next: %s cert --key %s%s > upload.pem, and have a tenant administrator upload it: %s", build.Program, key, kept.flag(r)+e.Next.Look, WhereToRegister)
	default:
		r.Say.Note("next: have a tenant administrator upload %s: %s > Add Certificates; then: %s enroll --key %s --check%s", e.UploadOut, WhereToRegister, build.Program, key, kept.flag(r)+e.Next.Login)
	}
	return nil
}
