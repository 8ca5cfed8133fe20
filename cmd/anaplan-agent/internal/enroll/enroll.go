package enroll

// The way of a key into a device: key and CSR first, the CA's certificate later, the first
// login last. Here are the command and what its flags say. What is done with the key is in
// enrollkey.go, with the CA's answer in enrollanswer.go; guide.go is the same for a person
// who would rather be asked than read about flags.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// DefaultBits is the shortest key that Anaplan takes (contract section 5.1), and
// the longest that every token makes.
const DefaultBits = 2048

// KeySizes are the lengths that a new key can have.
var KeySizes = []int{2048, 3072, 4096}

// Enrolment is what the flags of enroll say.
type Enrolment struct {
	Email, Name, Subject string
	Bits                 int // 0: defaultBits
	ReuseKey             bool
	Output               string // of the request; "" and "-": standard output

	Certificate         string // the CA's answer
	ChainOut, UploadOut string
	Guided              bool // a person is told what comes next, and has asked for no file by name
	login               bool // --check
	Resume              bool
	TypedKey            bool   // by a flag or a variable: no other is meant
	More                string // the flags that going on with it takes, too, as a shell reads them

	Card CardFlags
}

// AddFlags gives cmd the flags. They are no settings: they are said once in the life of a
// key.
func (e *Enrolment) AddFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&e.Email, "email", "", "e-mail address of the Anaplan user, by which Anaplan maps the certificate")
	flags.StringVar(&e.Name, "name", "", "common name in the CSR (default: the e-mail address)")
	flags.StringVar(&e.Subject, "subject", "", "subject of the CSR, if your CA wants more than a name, as 'CN=Nightly load,O=Example AG,C=CH'")
	flags.IntVar(&e.Bits, "bits", 0, "length of the RSA key: 2048, 3072 or 4096 (default 2048)")
	flags.BoolVar(&e.ReuseKey, "reuse-key", false, "make no key: a new CSR for the one that is there")
	flags.StringVar(&e.Output, "output", "", "new file for the CSR (default: standard output)")
	flags.StringVar(&e.Certificate, "certificate", "", "store the CA's answer beside the key: PEM, DER or PKCS#7, alone or with the CA's own certificates in any order")
	flags.StringVar(&e.ChainOut, "chain-out", "", "with --certificate: new file for the CA's own certificates, for which cards have no place")
	flags.StringVar(&e.UploadOut, "upload-out", "", "with --certificate: new file with the one PEM block that is uploaded to Anaplan")
	flags.BoolVar(&e.login, "check", false, "log in for the first time, once the certificate is registered")
	flags.BoolVar(&e.Resume, "resume", false, "go on with the enrolment that is under way")
	e.Card.AddFlags(cmd)
}

// RememberedFlags are those that --resume knows, that are for a later step, or that are said once.
var RememberedFlags = []string{
	"key", "email", "name", "subject", "bits", "reuse-key", "pin-policy", "touch-policy", "resume",
	"chain-out", "upload-out", "pin-changed",
}

// IsOpen reports whether the flags leave open what to do: a person can be asked then. A file that
// --resume is to write is all there is to do.
func (e Enrolment) IsOpen() bool {
	return e.Email == "" && e.Certificate == "" && !e.login && !(e.Resume && e.Output+e.UploadOut != "")
}

// Check finds wrong calls before the device is touched: a key that was made by a
// call with a mistake in it stays on the token, and the corrected call finds that
// it exists. What is left open is asked for if guided.
func (e Enrolment) Check(guided bool) error {
	if err := e.checkTask(guided); err != nil {
		return err
	}
	if e.IsOpen() && !guided && !e.Resume {
		return errors.New("--email is missing: Anaplan finds the user by the e-mail address in the certificate")
	}
	if e.Email != "" && !IsEmail(e.Email) {
		return fmt.Errorf("--email %q is no e-mail address that a certificate can hold", e.Email)
	}
	if err := e.checkRequest(); err != nil {
		return err
	}
	return e.Card.check(e)
}

// checkTask refuses flags of one task with another.
func (e Enrolment) checkTask(guided bool) error {
	forRequest := e.Email+e.Name+e.Subject != "" || e.Bits != 0 || e.ReuseKey
	switch {
	case e.Certificate != "" && (forRequest || e.Output != ""):
		return errors.New("--certificate stores what the CA has sent; --email, --subject, --output, --name, --bits and --reuse-key are for the request before it")
	case e.login && (forRequest || e.Certificate != "" || e.Output+e.ChainOut+e.UploadOut != ""):
		return errors.New("--check makes the first login, once the certificate is registered; beside it go settings, as --key and --region, or --resume")
	case e.Resume && forRequest:
		return errors.New("--resume knows what was asked for before; --email, --name, --subject, --bits and --reuse-key are for a new request")
	case e.ChainOut != "" && e.Certificate == "" && !guided:
		return errors.New("--chain-out is for --certificate: it takes the CA's certificates from the answer")
	case e.UploadOut != "" && e.Certificate == "" && !guided && !e.Resume:
		return errors.New("--upload-out is for --certificate: the file to upload is made of the answer; anaplan-agent cert prints the one that is stored")
	}
	return nil
}

// checkRequest checks what is said of the request.
func (e Enrolment) checkRequest() error {
	switch {
	case !utf8.ValidString(e.Name) || strings.ContainsFunc(e.Name, console.IsUnprintable) || strings.Contains(e.Name, "\n"):
		return fmt.Errorf("--name %q holds characters that do not print", e.Name)
	case e.ReuseKey && e.Bits != 0:
		return errors.New("--bits is for a new key; --reuse-key makes none")
	case e.Bits != 0 && !slices.Contains(KeySizes, e.Bits):
		return fmt.Errorf("--bits %d: it is 2048, 3072 or 4096", e.Bits)
	}
	if _, err := e.SubjectName(); err != nil {
		return fmt.Errorf("--subject: %w", err)
	}
	// One key is made for one request: where that cannot be written, none is.
	if e.IsFile() {
		if err := paths.CheckDirectory(e.Output); err != nil {
			return fmt.Errorf("--output %s: %w", e.Output, err)
		}
	}
	if e.IsFile() && !e.ReuseKey && !e.Resume && console.IsTaken(e.Output) {
		for _, p := range NewStore().All() {
			if p.RequestFile == paths.Absolute(e.Output) || p.Request != "" && console.MayWriteOut(e.Output, p.Request) == nil {
				return fmt.Errorf("--output %s: the file has the request of an enrolment that is under way (%s), which %s enroll --resume goes on with", e.Output, p.Waits(), build.Program)
			}
		}
		return fmt.Errorf("--output %s: the file is there already, and is not overwritten", e.Output)
	}
	return nil
}

// IsFile reports whether the request goes into a file.
func (e Enrolment) IsFile() bool { return e.Output != "" && e.Output != "-" }

// IsEmail reports whether text can be an rfc822Name, which has ASCII only (RFC 5280
// section 4.2.1.6). It is asked before a key is made, because a request that
// fails after that leaves a key behind. Whether the address exists, only Anaplan
// knows.
func IsEmail(text string) bool {
	local, domain, _ := strings.Cut(text, "@")
	return local != "" && domain != "" && !strings.Contains(domain, "@") &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' })
}

// Run does what the flags say.
func Run(r *device.Run, e Enrolment, command string) error {
	// Writing to a token goes through a session of its own (package hsm), so the token asks
	// for the PIN twice; key and request on a card each want it. A person types it once.
	defer r.Device.PIN.Keep()()
	var under *Pending
	if e.Resume {
		var err error
		if under, err = findPending(r, e); err != nil {
			return err
		}
		GoOnWith(r, under, &e)
	}
	address, err := r.Device.Address()
	if err != nil {
		return err
	}
	if flag := e.Card.Given(); flag != "" && !IsCard(address) {
		return explain.Usagef(command, "%s is for keys on YubiKeys, and %s is none", flag, address)
	}
	switch {
	case e.Certificate != "":
		return StoreAnswer(r, e, address)
	case e.login:
		return firstLogin(r, address)
	case under != nil:
		return resume(r, e, under)
	}
	under, err = Begin(r, e, address)
	if err != nil {
		return orUnderWay(err, e, address)
	}
	return request(r, e, under)
}
