package main

// What to do about each error that a person can meet: one table, so that what a
// hint says and which exit code a script sees are decided in one place. Errors that
// carry data are in explain.go.

import (
	"context"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
	"github.com/anaplan-agent/anaplan-agent/piv"
)

// advice is what to do about an error, and the exit code that goes with it.
type advice struct {
	is      error // matched by errors.Is
	code    int
	hints   []string
	modules bool // name this machine's modules too

	// hintsFor are the hints where they depend on the operating system.
	hintsFor func(system string) []string

	// hintsOf are the hints where they depend on what the error says.
	hintsOf func(text string) []string
}

// advices is ordered: of several that fit an error the first is given. A cause
// stands before what it leads to, and the result that went nowhere before all,
// since nothing else is left to do then.
//
// An exit code of 3 means that no retry helps before somebody has done something;
// what can pass by itself, and what the next call can say better, is 1 or 2.
var advices = []advice{
	{is: errStdout, code: exitFailed, hints: []string{
		"connect standard output to a file, or to a program that reads to the end",
	}},
	{is: context.Canceled, code: exitFailed},

	// The call and the settings.
	{is: errNoAddress, code: exitUsage, modules: true, hints: []string{
		"name it by --key 'pkcs11:token=LABEL;object=LABEL?module-name=NAME', by key in a profile, or by ANAPLAN_AGENT_KEY",
		program + " keys --key piv: lists the YubiKeys that are connected",
	}},
	{is: errOverridden, code: exitUsage}, // it has the remedy
	{is: errSettings, code: exitUsage, hintsOf: settingsHints},
	{is: owned.ErrExposed, code: exitHuman}, // it has the remedy
	{is: errCAFile, code: exitUsage, hints: []string{"--ca-file names a PEM file with the CA's certificate"}},
	{is: errCertificateFile, code: exitFailed}, // what a CA has sent: the words say what it is instead
	{is: errNoSigner, code: exitUsage},
	{is: errTokenSource, code: exitUsage, hints: []string{
		"eval \"$(" + program + " token --output env)\" puts a token into ANAPLAN_TOKEN; --token-from env:NAME, file:PATH or - says where else it is",
	}},

	// The agent.
	{is: errNoAgent, code: exitFailed, hints: []string{
		program + " serve starts one; " + program + " service install has systemd or launchd do it",
	}},
	{is: errNotShared, code: exitFailed, hints: []string{
		"its configuration lets other users in: share_socket = \"yes\" under [agent], and allow in a profile",
	}},
	{is: errAgentEnded, code: exitFailed, hints: []string{
		"try again: a service is started again by systemd or launchd; " + program + " status tells whether it runs",
	}},
	{is: local.ErrNotRunning, code: exitFailed, hints: []string{
		program + " serve starts an agent; " + program + " service install has systemd or launchd do it",
	}},
	{is: local.ErrSocketGone, code: exitFailed, hints: []string{
		"the agent makes it anew within seconds: try again; if it stays so its log says why, and what helps is to end it and start it again",
	}},
	{is: local.ErrRunning, code: exitFailed, hints: []string{
		program + " status asks the one that runs; --socket PATH is for a second one",
	}},
	{is: errDeviceInUse, code: exitFailed, hints: []string{"try again later; --timeout 5m waits longer"}},

	// The PIN. All of it needs a person: sending it again is what must not happen.
	{is: pin.ErrNotConfirmed, code: exitHuman},
	{is: pin.ErrCancelled, code: exitHuman},
	{is: pin.ErrLength, code: exitHuman, hints: []string{
		"it is the PIN of the YubiKey's PIV application that is wanted; its PUK, and the PIN for FIDO2, are others",
	}},
	{is: pin.ErrUnrecorded, code: exitHuman, hints: []string{
		"let this user write to the state directory, or name another one: XDG_STATE_HOME, of a service StateDirectory=",
		"to send it all the same, as where nothing outlives the run: --pin-unrecorded",
	}},
	{is: pin.ErrSource, code: exitHuman, hints: []string{
		"--pin says where the PIN is: prompt, pinentry, env:NAME, file:PATH, credential:NAME or command:PROGRAM",
	}},
	{is: pin.ErrNone, code: exitHuman, hints: []string{
		"say where the PIN is, in place of none: --pin prompt (on a terminal), pinentry, env:NAME, file:PATH, credential:NAME or command:PROGRAM",
	}},
	{is: hsm.ErrPINNeeded, code: exitHuman, hints: []string{
		"run it on a terminal, or say where the PIN is: --pin env:NAME, file:PATH, pinentry, credential:NAME or command:PROGRAM",
	}},
	{is: piv.ErrPINNeeded, code: exitHuman, hints: []string{
		"run it on a terminal, or say where the PIN is: --pin env:NAME, file:PATH, pinentry, credential:NAME or command:PROGRAM",
	}},
	{is: errManagementKeySource, code: exitHuman, hints: []string{managementKeyHint}},
	{is: piv.ErrManagementKey, code: exitHuman, hints: []string{
		managementKeyHint,
		"if nobody knows it: ykman piv reset erases all keys of the YubiKey's PIV application and sets the factory's",
	}},
	{is: console.ErrNoTerminal, code: exitHuman, hints: []string{"run it on a terminal"}},

	// The device and what is on it. A token that is not there is a person's matter, as
	// it has to be plugged in or its daemon be started; a key that is not there is most
	// often a wrong address.
	{is: hsm.ErrNoCgo, code: exitFailed, hints: []string{"use a build made with CGO_ENABLED=1"}},
	{is: hsm.ErrModule, code: exitFailed, modules: true},
	{is: hsm.ErrNoToken, code: exitHuman, hints: []string{
		program + " keys --pin none --key 'pkcs11:?module-path=MODULE' lists the tokens that are there",
	}},
	{is: errUnderWay, code: exitFailed, hints: []string{
		"for a new CSR of that key: --reuse-key; for a new key: another place in --key",
	}},
	{is: hsm.ErrKeyExists, code: exitFailed, hints: []string{
		"for a new CSR of that key: --reuse-key; for a new key: another object= in --key",
	}},
	{is: hsm.ErrNoKey, code: exitFailed, hints: []string{
		program + " keys --key ADDRESS, without object and id, lists the keys that are there",
		program + " enroll --key ADDRESS --email YOU makes a key",
	}},
	{is: hsm.ErrUnusableKey, code: exitFailed, hints: []string{
		"Anaplan takes RSA keys of 2048 bits or more: " + program + " enroll --key ADDRESS --email YOU makes one",
	}},

	// Cards. A person must plug something in, let go of it or touch it; what the card or
	// its reader has may pass.
	{is: piv.ErrNoCgo, code: exitFailed, hints: []string{"use a build made with CGO_ENABLED=1; on Windows every build has it"}},
	{is: piv.ErrNoService, code: exitHuman, hintsFor: serviceHints},
	{is: piv.ErrNotTouched, code: exitHuman, hints: []string{
		"touch the YubiKey's contact when it blinks; it waits for some 15 seconds",
		"for a notice on the desktop: --touch-command 'notify-send " + program + "'",
	}},
	{is: piv.ErrBusy, code: exitHuman, hintsFor: busyHints},
	{is: piv.ErrRemoved, code: exitHuman, hints: []string{"put the YubiKey back in, and leave it until the command has ended"}},
	{is: piv.ErrNoCard, code: exitHuman, hints: []string{
		program + " keys --key piv: lists the YubiKeys that are connected",
	}},
	{is: piv.ErrNotPIV, code: exitHuman, hints: []string{
		"a YubiKey may have its PIV application switched off: ykman config usb --enable PIV (or nfc)",
		"cards of other makers work by OpenSC's module: --key 'pkcs11:?module-name=opensc-pkcs11'",
	}},
	{is: piv.ErrDevice, code: exitFailed, hints: []string{
		"pull the YubiKey out, put it back in, and try again; a slow one is given more time by --timeout 5m",
	}},
	{is: piv.ErrKeyExists, code: exitFailed, hints: []string{
		"for a new CSR of that key: --reuse-key; for a new key: another slot= in --key (82 to 95 are as good)",
	}},
	{is: piv.ErrNoKey, code: exitFailed, hints: []string{
		program + " keys --key piv: lists the keys that are there",
		program + " enroll --key 'piv:slot=9c' --email YOU makes a key",
	}},
	{is: piv.ErrUnusableKey, code: exitFailed, hints: []string{
		"Anaplan takes RSA keys of 2048 bits or more: " + program + " enroll --key 'piv:slot=9c' --email YOU makes one",
	}},
	{is: piv.ErrUnsupported, code: exitFailed, hints: []string{
		"a YubiKey's firmware cannot be changed: ask for less, or use a newer one; " + program + " keys --key piv: shows the versions",
	}},

	// The certificate. One that is missing, expired or not begun needs the CA's answer
	// or a calendar, one of another key only another file.
	{is: errOtherKey, code: exitFailed, hints: []string{
		"the CA needs the CSR of this key: " + program + " enroll --resume prints it again, and enroll --key ADDRESS --email YOU --reuse-key makes another",
	}},
	{is: errOnlyCA, code: exitFailed, hints: []string{"ask the CA for the certificate that it has issued for your CSR"}},
	{is: errOtherUser, code: exitFailed, hints: []string{
		"ask the CA for one with the address of the request, or begin anew for the other address: " + program + " enroll --key ADDRESS --email OTHER --reuse-key",
	}},
	{is: hsm.ErrNoCertificate, code: exitHuman, hints: []string{
		program + " enroll --key ADDRESS --certificate FILE stores the one that your CA has issued",
		"or name its file: --certificate FILE",
	}},
	{is: piv.ErrNoCertificate, code: exitHuman, hints: []string{
		program + " enroll --key ADDRESS --certificate FILE stores the one that your CA has issued",
		"or name its file: --certificate FILE",
	}},
	{is: hsm.ErrCertificateExpired, code: exitHuman, hints: []string{
		program + " enroll --key ADDRESS --email YOU --reuse-key prints a CSR for a new one",
	}},
	{is: hsm.ErrCertificateNotYetValid, code: exitHuman, hints: []string{"look at this machine's clock, or wait"}},
	{is: piv.ErrCertificateExpired, code: exitHuman, hints: []string{
		program + " enroll --key ADDRESS --email YOU --reuse-key prints a CSR for a new one",
	}},
	{is: piv.ErrCertificateNotYetValid, code: exitHuman, hints: []string{"look at this machine's clock, or wait"}},
	{is: piv.ErrCertificateMismatch, code: exitFailed, hints: []string{
		program + " keys --key piv: shows which slot holds which certificate",
	}},
	{is: hardware.ErrBadSignature, code: exitFailed, hints: []string{
		"try again; if it stays so, the device, its reader or its PKCS#11 module is faulty: " + program + " doctor --key ADDRESS looks at it",
		"on a device that does not tell its public key the certificate may be another key's: " + program + " keys --key ADDRESS shows what is there",
	}},
	{is: hsm.ErrCertificateMismatch, code: exitFailed, hints: []string{
		program + " keys --key ADDRESS, without object and id, shows which certificate belongs to which key",
	}},

	// Anaplan, and the way there. Its codes do not tell an unregistered certificate from
	// a disabled one (contract section 2.2), so the hint names both. What another try
	// can mend is 1, so that a scheduler may make it.
	{is: anaplan.ErrBadCredential, code: exitHuman, hints: []string{
		"is the certificate registered and enabled? Anaplan: Administration > Security > Certificates",
		program + " cert --key ADDRESS prints the one to register; region and --auth-url must be those of your tenant",
	}},
	{is: anaplan.ErrBadHeader, code: exitFailed, hints: []string{"try --header-form der"}},
	{is: anaplan.ErrTokenRefused, code: exitFailed, hints: []string{program + " token makes a new one"}},
	{is: anaplan.ErrRateLimited, code: exitFailed, hints: []string{"use one token for its 35 minutes, not one for each call"}},
	{is: anaplan.ErrBlocked, code: exitFailed, hints: []string{"ask whether this machine's address is allowed: by your firewall or proxy, and in the tenant's IP allowlist"}},
	{is: anaplan.ErrRefused, code: exitFailed, hints: []string{"look at the proxy (HTTPS_PROXY), and ask whether this machine's address is in the tenant's IP allowlist"}},
	{is: anaplan.ErrRedirect, code: exitUsage, hints: []string{"look at --auth-url and --region"}},
	{is: anaplan.ErrUntrusted, code: exitFailed, hints: []string{"if your company's proxy or a test server presents this certificate, trust its CA: --ca-file FILE"}},
	{is: anaplan.ErrUnreachable, code: exitFailed, hints: []string{"look at the network, the proxy (HTTPS_PROXY), --region and --auth-url"}},
	{is: anaplan.ErrUnavailable, code: exitFailed, hints: []string{"try again later"}},
	{is: anaplan.ErrResponse, code: exitFailed, hints: []string{
		"try again; if it stays so, something between here and Anaplan changes the answers: look at --auth-url and the proxy (HTTPS_PROXY)",
	}},
	{is: anaplan.ErrPayload, code: exitFailed, hints: []string{program + " sign prints a payload; hand it over as it is"}},
}

// settingsHints says whose help to read about a setting, where the error has no remedy
// itself: those stand behind a semicolon.
func settingsHints(text string) []string {
	switch {
	case strings.Contains(text, ": policy: "):
		return []string{program + " policy --help shows the rules"}
	case strings.Contains(text, "; "):
		return nil
	case strings.Contains(text, ": client ") || strings.Contains(text, "[client."):
		return []string{program + " client --help shows what a client is made of"}
	}
	return []string{program + " COMMAND --help has a line for each setting"}
}
