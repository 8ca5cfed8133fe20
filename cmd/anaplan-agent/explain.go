package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/hsm"
)

// Exit codes; 0 is done.
const (
	exitFailed = 1
	exitUsage  = 2 // the call or the settings are wrong
	exitHuman  = 3 // a human must act: PIN, device, registration
)

// explanation is an error as the person sees it.
type explanation struct {
	text  string
	hints []string // commands to type and things to do
	code  int
}

// advice is what to do about an error, and the exit code that goes with it.
type advice struct {
	is      error
	code    int
	hints   []string
	modules bool // name this machine's modules too
}

// explain finds the first advice that fits: a refused PIN before the token that
// refused it, a cause before what it led to.
func explain(err error) explanation {
	e := explanation{text: err.Error(), code: exitFailed}
	if usage, ok := errors.AsType[*usageError](err); ok {
		e.code, e.hints = exitUsage, []string{usage.command + " --help"}
		return e
	}
	if hints, code := explainStruct(err); code != 0 {
		e.hints, e.code = hints, code
		return e
	}
	for _, a := range advices() {
		if errors.Is(err, a.is) {
			e.hints, e.code = a.hints, a.code
			if a.modules {
				e.hints = append(e.hints, moduleHints()...)
			}
			return e
		}
	}
	return e
}

// explainStruct gives advice on errors whose data it depends on; code 0 for none.
func explainStruct(err error) (hints []string, code int) {
	if pin, ok := errors.AsType[*hsm.PINError](err); ok {
		return pinHints(pin), exitHuman
	}
	if _, ok := errors.AsType[*refusedError](err); ok {
		return []string{
			"if the PIN there has been put right: the same command with --pin-changed",
			fmt.Sprintf("to type it instead: %s keys --pin prompt --key ADDRESS", program),
		}, exitHuman
	}
	if _, ok := errors.AsType[*hsm.AmbiguousError](err); ok {
		return []string{"copy one of these addresses into --key"}, exitUsage
	}
	if _, ok := errors.AsType[*anaplan.ClockSkewError](err); ok {
		return []string{"set this machine's clock, best by NTP (timedatectl set-ntp true)"}, exitHuman
	}
	if _, ok := errors.AsType[*anaplan.StalePayloadError](err); ok {
		return []string{program + " sign --key ADDRESS > payload.json, and use it at once"}, exitFailed
	}
	return nil, 0
}

func pinHints(pin *hsm.PINError) []string {
	if pin.Locked {
		return []string{"have the token's security officer (SO) set a new user PIN, with the vendor's tool or: pkcs11-tool --module MODULE --login --login-type so --init-pin"}
	}
	return []string{"the PIN was sent once and is not sent again; look it up before you try again, for tokens lock after a few wrong ones"}
}

// advices is ordered: the first that fits is given.
func advices() []advice {
	return append(deviceAdvices(), serverAdvices()...)
}

func deviceAdvices() []advice {
	return []advice{
		{is: context.Canceled, code: exitFailed},
		{is: errNoAddress, code: exitUsage, hints: []string{"name it by --key 'pkcs11:token=LABEL;object=LABEL?module-name=NAME', by key in a profile, or by ANAPLAN_AGENT_KEY"}, modules: true},
		{is: errNotConfirmed, code: exitHuman},
		{is: errCancelled, code: exitHuman},
		{is: errPINSource, code: exitHuman, hints: []string{"--pin says where the PIN is: prompt, pinentry, env:NAME, file:PATH, credential:NAME or command:ARGV"}},
		{is: hsm.ErrPINNeeded, code: exitHuman, hints: []string{"run it on a terminal, or say where the PIN is: --pin env:NAME, file:PATH, pinentry, credential:NAME or command:ARGV"}},
		{is: errNoTerminal, code: exitHuman, hints: []string{"run it on a terminal"}},
		{is: hsm.ErrNoCgo, code: exitFailed, hints: []string{"use a build made with CGO_ENABLED=1"}},
		{is: hsm.ErrModule, code: exitFailed, modules: true},
		{is: hsm.ErrNoToken, code: exitHuman, hints: []string{program + " keys --pin none --key 'pkcs11:?module-path=MODULE' lists the tokens that are there"}},
		{is: hsm.ErrKeyExists, code: exitFailed, hints: []string{"for a new CSR of that key: --reuse-key; for a new key: another object= in --key"}},
		{is: hsm.ErrNoKey, code: exitFailed, hints: []string{program + " keys --key ADDRESS, without object and id, lists the keys that are there", program + " enroll --key ADDRESS --email YOU makes a key"}},
		{is: hsm.ErrUnusableKey, code: exitFailed, hints: []string{"Anaplan takes RSA keys of 2048 bits or more: " + program + " enroll --key ADDRESS --email YOU makes one"}},
		{is: hsm.ErrNoCertificate, code: exitHuman, hints: []string{program + " enroll --key ADDRESS --certificate FILE stores the one that your CA has issued", "or name its file: --certificate FILE"}},
		{is: hsm.ErrCertificateExpired, code: exitHuman, hints: []string{program + " enroll --key ADDRESS --email YOU --reuse-key prints a CSR for a new one"}},
		{is: hsm.ErrCertificateNotYetValid, code: exitHuman, hints: []string{"look at this machine's clock, or wait"}},
		{is: hsm.ErrCertificateMismatch, code: exitFailed, hints: []string{program + " keys --key ADDRESS, without object and id, shows which certificate belongs to which key"}},
		{is: errCertificateFile, code: exitFailed},
		{is: errSettings, code: exitUsage},
		{is: errStdout, code: exitFailed},
	}
}

// moduleHints names the modules of this machine.
func moduleHints() []string {
	hints := []string{"the device's PKCS#11 library is named in the address: pkcs11:...?module-path=/path/to/library.so"}
	var found []string
	for _, module := range hsm.KnownModules() {
		found = append(found, module.Name)
	}
	if len(found) > 0 {
		hints = append(hints, fmt.Sprintf("%s keys --key 'pkcs11:?module-name=NAME' lists what a module has; on this machine NAME is one of %s", program, strings.Join(found, ", ")))
	}
	return hints
}

func serverAdvices() []advice {
	return []advice{
		{is: anaplan.ErrBadCredential, code: exitHuman, hints: []string{
			"is the certificate registered and enabled? Anaplan: Administration > Security > Certificates",
			program + " cert --key ADDRESS prints the one to register; region and --auth-url must be those of your tenant",
		}},
		{is: anaplan.ErrBadHeader, code: exitFailed, hints: []string{"try --header-form der"}},
		{is: anaplan.ErrTokenRefused, code: exitFailed, hints: []string{program + " token makes a new one"}},
		{is: anaplan.ErrRateLimited, code: exitFailed, hints: []string{"use one token for its 35 minutes, not one for each call"}},
		{is: anaplan.ErrBlocked, code: exitFailed, hints: []string{"ask whether this machine's address is allowed: by your firewall or proxy, and in the tenant's IP allowlist"}},
		{is: anaplan.ErrRefused, code: exitFailed, hints: []string{"ask whether this machine's address is in the tenant's IP allowlist"}},
		{is: anaplan.ErrRedirect, code: exitUsage, hints: []string{"look at --auth-url and --region"}},
		{is: anaplan.ErrUntrusted, code: exitFailed, hints: []string{"if your company's proxy or a test server presents this certificate, trust its CA: --ca-file FILE"}},
		{is: anaplan.ErrUnreachable, code: exitFailed, hints: []string{"look at the network, the proxy (HTTPS_PROXY), --region and --auth-url"}},
		{is: anaplan.ErrUnavailable, code: exitFailed, hints: []string{"try again later"}},
		{is: errTokenSource, code: exitFailed},
	}
}
