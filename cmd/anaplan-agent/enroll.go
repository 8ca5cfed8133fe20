package main

// The way of a key into a device: key and CSR first, the CA's certificate later, the first
// login last. Here are the command and what its flags say. What is done with the key is in
// enrollkey.go, with the CA's answer in enrollanswer.go; guide.go is the same for a person
// who would rather be asked than read about flags.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/spf13/cobra"
)

const enrollHelp = `enroll makes a key inside the device, gets it a certificate, and makes the first
login. On a terminal, without flags, it asks for everything it needs, says what comes
next, and goes on from there when it is called again, days later:

  anaplan-agent enroll

By flags it is four calls. A key, and a certificate signing request (CSR) for it:

  anaplan-agent enroll --key 'pkcs11:token=demo;object=login?module-name=softhsm2' \
      --email me@example.com --output login.csr
  anaplan-agent enroll --key 'piv:serial=12345678;slot=9c' \
      --email me@example.com --output login.csr --attestation proof.pem

Send the CSR to your certificate authority (CA) and ask for an S/MIME ("personal",
"client") certificate. Store what comes back, in whatever form it comes:

  anaplan-agent enroll --key ... --certificate answer.p7b --upload-out upload.pem

Have a tenant administrator register upload.pem in Anaplan, then log in:

  anaplan-agent enroll --key ... --check

In place of --key, --resume goes on with the enrolment that is under way. The key
cannot be taken out of the device again.

A YubiKey is written to with its management key. The one that it is sold with, and
one that it keeps under its PIN, are found; another is asked for on the terminal,
or comes from where --management-key says. --attestation has the YubiKey certify
that the key was made on it, for CAs that ask for that.`

// defaultBits is the shortest key that Anaplan takes (contract section 5.1), and
// the longest that every token makes.
const defaultBits = 2048

// keySizes are the lengths that a new key can have.
var keySizes = []int{2048, 3072, 4096}

// enrolment is what the flags of enroll say.
type enrolment struct {
	email, name, subject string
	bits                 int // 0: defaultBits
	reuseKey             bool
	output               string // of the request; "" and "-": standard output

	certificate         string // the CA's answer
	chainOut, uploadOut string
	guided              bool // a person is told what comes next, and has asked for no file by name
	login               bool // --check
	resume              bool
	typedKey            bool   // by a flag or a variable: no other is meant
	more                string // the flags that going on with it takes, too, as a shell reads them

	card cardEnrolment
}

// newEnrollCommand returns the enroll command. Its --certificate is a file to store
// and not the setting of that name, which would be the certificate to log in with.
func newEnrollCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "enroll",
		Short: "get a key in the device a certificate, step by step: make a key and a CSR, store the answer, log in",
		Long:  enrollHelp,
		Args:  noArguments,
	}
	settings := addSettings(cmd, []string{"key", "pin", "pin_pad", "touch_command", "format"}, serverSettings)
	var e enrolment
	e.addFlags(cmd)
	byFlags := onDevice(settings, say, func(run *deviceRun) error { return run.enroll(e, cmd.CommandPath()) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, flag := range []string{"output", "certificate", "chain-out", "upload-out", "attestation", "management-key"} {
			if err := notEmpty(cmd, flag); err != nil {
				return err
			}
		}
		guided := e.isOpen() && hasTerminal()
		if err := e.check(guided); err != nil {
			return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
		}
		// The name of a profile that is still to be written is known before the profile is.
		e.typedKey = settings.isOverridden("key")
		e.more = flagsBut(cmd, rememberedFlags)
		settings.mayBeNew = guided || e.resume || e.typedKey
		if guided {
			return runGuide(cmd.Context(), settings, e, say)
		}
		return byFlags(cmd, args)
	}
	return cmd
}

// addFlags gives cmd the flags. They are no settings: they are said once in the life of a
// key.
func (e *enrolment) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&e.email, "email", "", "e-mail address of the Anaplan user, by which Anaplan maps the certificate")
	flags.StringVar(&e.name, "name", "", "common name in the CSR (default: the e-mail address)")
	flags.StringVar(&e.subject, "subject", "", "subject of the CSR, if your CA wants more than a name, as 'CN=Nightly load,O=Example AG,C=CH'")
	flags.IntVar(&e.bits, "bits", 0, "length of the RSA key: 2048, 3072 or 4096 (default 2048)")
	flags.BoolVar(&e.reuseKey, "reuse-key", false, "make no key: a new CSR for the one that is there")
	flags.StringVar(&e.output, "output", "", "new file for the CSR (default: standard output)")
	flags.StringVar(&e.certificate, "certificate", "", "store the CA's answer beside the key: PEM, DER or PKCS#7, alone or with the CA's own certificates in any order")
	flags.StringVar(&e.chainOut, "chain-out", "", "with --certificate: new file for the CA's own certificates, for which cards have no place")
	flags.StringVar(&e.uploadOut, "upload-out", "", "with --certificate: new file with the one PEM block that is uploaded to Anaplan")
	flags.BoolVar(&e.login, "check", false, "log in for the first time, once the certificate is registered")
	flags.BoolVar(&e.resume, "resume", false, "go on with the enrolment that is under way")
	e.card.addFlags(cmd)
}

// rememberedFlags are those that --resume knows, that are for a later step, or that are said once.
var rememberedFlags = []string{
	"key", "email", "name", "subject", "bits", "reuse-key", "pin-policy", "touch-policy", "resume",
	"chain-out", "upload-out", "pin-changed",
}

// isOpen reports whether the flags leave open what to do: a person can be asked then. A file that
// --resume is to write is all there is to do.
func (e enrolment) isOpen() bool {
	return e.email == "" && e.certificate == "" && !e.login && !(e.resume && e.output+e.uploadOut != "")
}

// check finds wrong calls before the device is touched: a key that was made by a
// call with a mistake in it stays on the token, and the corrected call finds that
// it exists. What is left open is asked for if guided.
func (e enrolment) check(guided bool) error {
	if err := e.checkTask(guided); err != nil {
		return err
	}
	if e.isOpen() && !guided && !e.resume {
		return errors.New("--email is missing: Anaplan finds the user by the e-mail address in the certificate")
	}
	if e.email != "" && !isEmail(e.email) {
		return fmt.Errorf("--email %q is no e-mail address that a certificate can hold", e.email)
	}
	if err := e.checkRequest(); err != nil {
		return err
	}
	return e.card.check(e)
}

// checkTask refuses flags of one task with another.
func (e enrolment) checkTask(guided bool) error {
	forRequest := e.email+e.name+e.subject != "" || e.bits != 0 || e.reuseKey
	switch {
	case e.certificate != "" && (forRequest || e.output != ""):
		return errors.New("--certificate stores what the CA has sent; --email, --subject, --output, --name, --bits and --reuse-key are for the request before it")
	case e.login && (forRequest || e.certificate != "" || e.output+e.chainOut+e.uploadOut != ""):
		return errors.New("--check makes the first login, once the certificate is registered; beside it go settings, as --key and --region, or --resume")
	case e.resume && forRequest:
		return errors.New("--resume knows what was asked for before; --email, --name, --subject, --bits and --reuse-key are for a new request")
	case e.chainOut != "" && e.certificate == "" && !guided:
		return errors.New("--chain-out is for --certificate: it takes the CA's certificates from the answer")
	case e.uploadOut != "" && e.certificate == "" && !guided && !e.resume:
		return errors.New("--upload-out is for --certificate: the file to upload is made of the answer; anaplan-agent cert prints the one that is stored")
	}
	return nil
}

// checkRequest checks what is said of the request.
func (e enrolment) checkRequest() error {
	switch {
	case !utf8.ValidString(e.name) || strings.ContainsFunc(e.name, isUnprintable) || strings.Contains(e.name, "\n"):
		return fmt.Errorf("--name %q holds characters that do not print", e.name)
	case e.reuseKey && e.bits != 0:
		return errors.New("--bits is for a new key; --reuse-key makes none")
	case e.bits != 0 && !slices.Contains(keySizes, e.bits):
		return fmt.Errorf("--bits %d: it is 2048, 3072 or 4096", e.bits)
	}
	if _, err := e.subjectName(); err != nil {
		return fmt.Errorf("--subject: %w", err)
	}
	// One key is made for one request: where that cannot be written, none is.
	if e.isFile() {
		if err := checkDirectory(e.output); err != nil {
			return fmt.Errorf("--output %s: %w", e.output, err)
		}
	}
	if e.isFile() && !e.reuseKey && !e.resume && isTaken(e.output) {
		for _, p := range newEnrolments().all() {
			if p.RequestFile == absolute(e.output) || p.Request != "" && mayWriteOut(e.output, p.Request) == nil {
				return fmt.Errorf("--output %s: the file has the request of an enrolment that is under way (%s), which %s enroll --resume goes on with", e.output, p.waits(), program)
			}
		}
		return fmt.Errorf("--output %s: the file is there already, and is not overwritten", e.output)
	}
	return nil
}

// checkDirectory refuses a new file where there is no directory for it.
func checkDirectory(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is a file")
	}
	if err != nil {
		return fmt.Errorf("there is no directory %s: %w", dir, rootCause(err))
	}
	return nil
}

// rootCause leaves out the operation and the path, which are told already.
func rootCause(err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		return wrapped.Err
	}
	return err
}

// isFile reports whether the request goes into a file.
func (e enrolment) isFile() bool { return e.output != "" && e.output != "-" }

// isEmail reports whether text can be an rfc822Name, which has ASCII only (RFC 5280
// section 4.2.1.6). It is asked before a key is made, because a request that
// fails after that leaves a key behind. Whether the address exists, only Anaplan
// knows.
func isEmail(text string) bool {
	local, domain, _ := strings.Cut(text, "@")
	return local != "" && domain != "" && !strings.Contains(domain, "@") &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' })
}

// enroll does what the flags say.
func (r *deviceRun) enroll(e enrolment, command string) error {
	// Writing to a token goes through a session of its own (package hsm), so the token asks
	// for the PIN twice; key and request on a card each want it. A person types it once.
	defer r.device.pin.Keep()()
	var under *pending
	if e.resume {
		var err error
		if under, err = r.findPending(e); err != nil {
			return err
		}
		r.goOnWith(under, &e)
	}
	address, err := r.device.address()
	if err != nil {
		return err
	}
	if flag := e.card.given(); flag != "" && !isCard(address) {
		return explain.Usagef(command, "%s is for keys on YubiKeys, and %s is none", flag, address)
	}
	switch {
	case e.certificate != "":
		return r.storeAnswer(e, address)
	case e.login:
		return r.firstLogin(address)
	case under != nil:
		return r.resume(e, under)
	}
	under, err = r.begin(e, address)
	if err != nil {
		return orUnderWay(err, e, address)
	}
	return r.request(e, under)
}
