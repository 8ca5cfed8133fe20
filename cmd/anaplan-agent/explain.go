package main

// From an error to what a person reads and a script sees. Errors come from below
// with the facts in them; what is added here is what to do, in commands to type.

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/piv"
)

// Exit codes; 0 is done. Scripts branch on them, so a code never changes its
// meaning.
const (
	exitFailed = 1
	exitUsage  = 2 // the call or the settings are wrong
	exitHuman  = 3 // a human must act: PIN, device, registration
)

// explanation is an error as the person sees it.
type explanation struct {
	text  string   // the error, from the outermost layer to the cause
	hints []string // commands to type and things to do
	code  int
}

// explain returns what to say of an error.
func explain(err error) explanation {
	e := explainCause(err)
	if resumable, ok := errors.AsType[*resumableError](err); ok {
		return resumable.goesOn(e)
	}
	return e
}

// explainCause finds the first advice that fits: a refused PIN before the token that
// refused it, a cause before what it led to. An error without advice is exit code 1
// and stands for itself; a wrong call is not looked up in the table, for whatever it
// wraps, what helps is the command's help.
func explainCause(err error) explanation {
	e := explanation{text: err.Error(), code: exitFailed}
	if usage, ok := errors.AsType[*usageError](err); ok {
		e.code, e.hints = exitUsage, []string{usage.command + " --help"}
		return e
	}
	if program, ok := errors.AsType[*noProgramError](err); ok {
		e.code = program.code
		return e
	}
	if problem, ok := errors.AsType[*agent.Problem](err); ok {
		return explainProblem(problem)
	}
	if hints, code := explainStruct(err); code != 0 {
		e.hints, e.code = hints, code
		return e
	}
	for _, a := range advices {
		if errors.Is(err, a.is) {
			e.hints, e.code = a.hints, a.code
			if a.modules {
				e.hints = append(e.hints, moduleHints()...)
			}
			if a.hintsFor != nil {
				e.hints = a.hintsFor(runtime.GOOS)
			}
			if a.hintsOf != nil {
				e.hints = a.hintsOf(e.text)
			}
			return e
		}
	}
	return e
}

// explainStruct gives advice on errors whose data it depends on; code 0 for none.
// They go before the table because some are rows of it too: a wrong clock is
// answered as a bad credential, and registering the certificate would not help.
func explainStruct(err error) (hints []string, code int) {
	if _, ok := errors.AsType[*certificateSettingError](err); ok {
		return []string{"--certificate names a file with the key's own certificate: PEM, DER or PKCS#7, alone"}, exitUsage
	}
	if missing, ok := errors.AsType[*noAddressError](err); ok {
		return []string{
			"say which of them is meant: --profile " + quoted(missing.profiles[0])[0],
			"one that is called [profile." + config.DefaultProfile + "] is used without saying so",
		}, exitUsage
	}
	if refused, ok := errors.AsType[*notAllowedError](err); ok {
		return refused.hints, exitFailed
	}
	if pin, ok := errors.AsType[*hsm.PINError](err); ok {
		return pinHints(pin), exitHuman
	}
	if pin, ok := errors.AsType[*piv.PINError](err); ok {
		return cardPINHints(pin), exitHuman
	}
	if hints, code := explainPIN(err); code != 0 {
		return hints, code
	}
	if _, ok := errors.AsType[*hsm.AmbiguousError](err); ok {
		return []string{"copy one of these addresses into --key"}, exitUsage
	}
	if _, ok := errors.AsType[*piv.AmbiguousError](err); ok {
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

// sameCommand is in hints for whoever has typed a command. They are not for callers of the
// agent: a command with such a flag would go past it.
const sameCommand = "the same command with "

// explainPIN gives advice on PINs that were not sent, or gave no clear answer; code 0 for none.
func explainPIN(err error) (hints []string, code int) {
	if mistake, ok := errors.AsType[*pin.MistakeError](err); ok {
		return []string{mistake.Do}, exitHuman
	}
	if _, ok := errors.AsType[*pin.RefusedError](err); ok {
		return []string{
			"if it is the wrong PIN, correct it there: the next run uses what it finds",
			"if it is the right one: " + sameCommand + "--pin-changed",
			"to type it instead: " + sameCommand + "--pin prompt",
		}, exitHuman
	}
	if _, ok := errors.AsType[*pin.SpentError](err); ok {
		return []string{"see what is wrong with the device; once that is put right, and the PIN is the right one: " + sameCommand + "--pin-changed"}, exitHuman
	}
	if other, ok := errors.AsType[*pin.OtherDeviceError](err); ok {
		return []string{
			"name the device in the address, so that each has a PIN of its own: serial=" + other.Device.Serial,
			"if the PIN is for this one from now on: " + sameCommand + "--pin-changed",
		}, exitHuman
	}
	if doubt, ok := errors.AsType[*pin.DoubtError](err); ok {
		return []string{
			"if the PIN is right: " + sameCommand + "--pin-changed",
			"let this user read the file, or remove it once the PIN is known to be right: " + doubt.Path,
		}, exitHuman
	}
	return nil, 0
}

// pinHints says what a person can do, which is never to try again blindly. How many
// tries are left nobody can say: PKCS#11 has flags for it and no number.
func pinHints(pin *hsm.PINError) []string {
	if pin.Locked {
		return []string{"have the token's security officer (SO) set a new user PIN, with the vendor's tool or: pkcs11-tool --module MODULE --login --login-type so --init-pin"}
	}
	return []string{"the PIN was sent once; look it up, and correct it where it comes from, for tokens lock after a few wrong ones"}
}

// moduleHints names the modules of this machine: those that p11-kit knows or that
// lie in a usual directory. Looking for them reads directories, so it is done when
// an error needs it and not before.
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
