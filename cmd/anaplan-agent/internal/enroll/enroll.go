package enroll

// An enrolment makes the key and its CSR, later stores the CA's certificate, and ends with the
// first login. Here are the command and its flags; key.go has the work on the key, answer.go that
// on the CA's answer. Package guide does the same by asking questions.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/spf13/cobra"
)

// DefaultBits is the shortest key that Anaplan takes (contract section 5.1), and
// the longest that every token makes.
const DefaultBits = 2048

// KeySizes are the lengths that a new key can have.
var KeySizes = []int{2048, 3072, 4096}

// Enrolment is what the flags of enroll say.
type Enrolment struct {
	Email, Name, Subject string
	Bits                 int // 0: DefaultBits
	ReuseKey             bool
	PublicKey            string // the file of the key's, where the device does not tell it
	Output               string // of the request; "" and "-": standard output

	Certificate         string // the CA's answer
	ChainOut, UploadOut string
	InFile              bool // the answer may be kept in a file of the profile's
	Guided              bool // guide tells the person what comes next, and chooses the files
	login               bool // --check
	Resume              bool
	TypedKey            bool   // by a flag or a variable, so that the key is certain
	JSON                bool   // tell programs how far it is
	More                string // the flags that going on with it takes, too, as a shell reads them
	Next                Next   // those of the steps after it

	Card CardFlags
}

// AddFlags gives cmd the flags. They are not settings: they are given once in the life of a key.
func (e *Enrolment) AddFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&e.Email, "email", "", "e-mail address of the Anaplan user; Anaplan finds the user by it")
	flags.StringVar(&e.Name, "name", "", "common name in the CSR (default: the e-mail address)")
	flags.StringVar(&e.Subject, "subject", "", "subject of the CSR, if your CA wants more than a name, as 'CN=Nightly load,O=Example AG,C=CH'")
	flags.IntVar(&e.Bits, "bits", 0, "length of the RSA key: 2048, 3072 or 4096 (default 2048)")
	flags.BoolVar(&e.ReuseKey, "reuse-key", false, "make a new CSR for the existing key, and no new key")
	flags.StringVar(&e.PublicKey, "public-key", "", "with --reuse-key: file with its public key (PEM), where the device does not tell it")
	flags.StringVar(&e.Output, "output", "", "new file for the CSR (default: standard output)")
	flags.StringVar(&e.Certificate, "certificate", "", "store the CA's answer beside the key: PEM, DER or PKCS#7, alone or with the CA's own certificates in any order")
	flags.StringVar(&e.ChainOut, "chain-out", "", "with --certificate: new file for the CA's own certificates, for which cards have no place")
	flags.StringVar(&e.UploadOut, "upload-out", "", "with --certificate: new file with the one PEM block to upload to Anaplan")
	AddInFile(cmd, &e.InFile)
	flags.BoolVar(&e.login, "check", false, "log in for the first time, once the certificate is registered; with --certificate where the device does not keep it")
	flags.BoolVar(&e.Resume, "resume", false, "continue the enrolment that is under way")
	flags.BoolVar(&e.JSON, "json", false, "print how far it is as JSON, the CSR within; nothing is asked for but PINs")
	e.Card.AddFlags(cmd)
}

// AddInFile gives cmd the flag --in-file.
func AddInFile(cmd *cobra.Command, inFile *bool) {
	cmd.Flags().BoolVar(inFile, "in-file", false, "if the device does not store the certificate, whatever the reason, keep it in a file of the profile's")
}

// Next has the settings that were given by flags, as a shell reads them: what comes next wants them, too.
type Next struct {
	Login  string // of commands that log in
	Look   string // of commands that need the device only
	Config string // --config alone
}

// StepFlags are those that are for one step.
var StepFlags = []string{"certificate", "output", "check", "attestation", "management-key", "public-key"}

// RememberedFlags are those that --resume knows, that are for a later step, or that are said once.
var RememberedFlags = []string{
	"key", "email", "name", "subject", "bits", "reuse-key", "pin-policy", "touch-policy", "resume",
	"chain-out", "upload-out", "in-file", "pin-changed", "json",
}

// IsOpen reports whether the flags leave open what to do, so that a person can be asked.
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
		return errors.New("--email is missing: Anaplan finds the user by the e-mail address in the certificate; on a terminal, without flags, enroll asks for it")
	}
	if e.Email != "" && !IsEmail(e.Email) {
		return fmt.Errorf("--email %q is not an e-mail address that a certificate can contain", e.Email)
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
		return errors.New("--certificate stores the CA's answer; --email, --subject, --output, --name, --bits and --reuse-key are for the request before it")
	case e.login && (forRequest || e.Output+e.ChainOut+e.UploadOut != ""):
		return errors.New("--check makes the first login, once the certificate is registered; only settings, such as --key and --region, --certificate and --resume can go with it")
	case e.Resume && forRequest:
		return errors.New("--resume remembers the request; --email, --name, --subject, --bits and --reuse-key are for a new request")
	case e.InFile && e.Certificate == "" && !guided:
		return errors.New("--in-file is for --certificate: it says where the certificate may be kept")
	case e.ChainOut != "" && e.Certificate == "" && !guided:
		return errors.New("--chain-out is for --certificate: it takes the CA's certificates from the answer")
	case e.UploadOut != "" && e.Certificate == "" && !guided && !e.Resume:
		return errors.New("--upload-out is for --certificate: the file to upload is made from the answer; anaplan-agent cert prints the stored certificate")
	}
	return nil
}

// checkRequest checks what is said of the request.
func (e Enrolment) checkRequest() error {
	switch {
	case !utf8.ValidString(e.Name) || strings.ContainsFunc(e.Name, console.IsUnprintable) || strings.Contains(e.Name, "\n"):
		return fmt.Errorf("--name %q contains unprintable characters", e.Name)
	case e.PublicKey != "" && !e.ReuseKey && !e.Resume:
		return errors.New("--public-key is for --reuse-key: the device tells that of a key that it makes")
	case e.ReuseKey && e.Bits != 0:
		return errors.New("--bits is for a new key; --reuse-key does not make one")
	case e.Bits != 0 && !slices.Contains(KeySizes, e.Bits):
		return fmt.Errorf("--bits %d: must be 2048, 3072 or 4096", e.Bits)
	}
	if _, err := parseSubject(e.Subject); err != nil {
		return fmt.Errorf("--subject: %w", err)
	}
	if _, err := e.SubjectName(); err != nil {
		return err
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
				return fmt.Errorf("--output %s: the file has the request of an enrolment that is under way (%s); to continue it: %s", e.Output, p.Waits(), shell.Join(build.Program, "enroll", "--resume", "--key", p.Key))
			}
		}
		return fmt.Errorf("--output %s: the file exists and is not overwritten", e.Output)
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
	if flag := e.Card.Given(); flag != "" && !device.IsCard(address) {
		return explain.Usagef(command, "%s is for keys on YubiKeys, and %s is not one", flag, address)
	}
	switch {
	case e.login:
		err = firstLogin(r, e, address)
	case e.Certificate != "":
		_, err = StoreAnswer(r, e, address)
	case under != nil:
		err = resume(r, e, under)
		address = under.Address()
	default:
		if under, err = Begin(r, e, address); err != nil {
			return orUnderWay(err, e, address)
		}
		err = request(r, e, under)
		address = under.Address()
	}
	if err != nil {
		return err
	}
	return e.tell(address)
}
