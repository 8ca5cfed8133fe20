package pin

import (
	"cmp"
	"errors"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/piv"
)

// allStores is the column of docs/errors.md, which is of all systems.
const allStores = "credential:NAME (systemd), dpapi:PATH or wincred:NAME (Windows), keychain:SERVICE (macOS)"

// Rows are what to do about a PIN that was not sent, or not taken. All of it needs a person:
// sending it again is what must not happen.
func Rows(on remedy.System) explain.Table {
	return explain.Table{
		{As: explain.Type[*hardware.PINError], Says: "CKR_PIN_INCORRECT", More: "look the PIN up before the next try: devices lock after a few. `CKR_PIN_LOCKED`: the token's security officer sets a new PIN; a TPM locks after power cuts too, and unlocks by itself after a time; a card: `ykman piv access unblock-pin`", Exit: explain.Human, Code: agent.CodePINRefused, Final: true, With: refusalHints},
		{As: explain.Type[*MistakeError], Says: "so it is not used", More: "the file or program gives something else beside the PIN: the error says what", Exit: explain.Human, Code: agent.CodePINNeeded, Final: true, With: explain.With(
			func(err *MistakeError, row *explain.Row) { row.Hints = explain.Hints(err.Do) },
		)},
		{As: explain.Type[*RefusedError], Says: "it is not sent again", More: "for the agent: `anaplan-agent unlock`, or `anaplan-agent unlock --pin-changed`", Exit: explain.Human, Code: agent.CodePINRefused, Final: true, Hints: []explain.Hint{
			{Text: "if it is the wrong PIN, correct it there: the next run uses what it finds"},
			{Text: "if it is the right one", Flag: "--pin-changed"},
			{Text: "to type it instead", Flag: "--pin prompt"},
		}, With: explain.With(func(err *RefusedError, row *explain.Row) { row.PIN = err.Prompt })},
		{As: explain.Type[*SpentError], Exit: explain.Human, Code: agent.CodePINRefused, Final: true, Hints: []explain.Hint{
			{Text: "see what is wrong with the device; once that is put right, and the PIN is the right one", Flag: "--pin-changed"},
		}},
		{As: explain.Type[*OtherDeviceError], Says: "belongs to YubiKey", More: "another card is put in than the one whose PIN it is: name the card in the address, `piv:serial=12345678;slot=9c`", Exit: explain.Human, Code: agent.CodeDeviceAbsent, // the right one may come back
			With: explain.With(func(err *OtherDeviceError, row *explain.Row) {
				row.Hints = []explain.Hint{{Text: "if the PIN is for this one from now on", Flag: "--pin-changed"}}
				if named := err.Device.named(); named != "" {
					row.Hints = slices.Insert(row.Hints, 0, explain.Hint{Text: "name the device in the address, so that each has a PIN of its own: " + named})
				}
			})},
		{As: explain.Type[*DoubtError], Exit: explain.Human, Code: agent.CodePINNeeded, Final: true, // nothing was sent
			With: explain.With(func(err *DoubtError, row *explain.Row) {
				row.Hints = []explain.Hint{
					{Text: "if the PIN is right", Flag: "--pin-changed"},
					{Text: "let this user read the file, or remove it once the PIN is known to be right: " + err.Path},
				}
			})},
		{As: explain.Type[*WaitError], With: explain.With(func(err *WaitError, row *explain.Row) { row.Wait = err.Wait })},
		{Is: ErrNotConfirmed, Exit: explain.Human, Code: agent.CodePINNeeded, Attend: true},
		{Is: errCancelled, Exit: explain.Human, Code: agent.CodePINNeeded},
		{Is: ErrLength, Exit: explain.Human, Code: agent.CodePINNeeded, Final: true, Hints: explain.Hints(
			"it is the PIN of the YubiKey's PIV application that is wanted; its PUK, and the PIN for FIDO2, are others",
		)},
		{Is: ErrNotAPIN, Exit: explain.Failed, Code: agent.CodePINNeeded, Final: true},
		{Is: ErrUnrecorded, Exit: explain.Human, Code: agent.CodePINNeeded, Final: true, Hints: explain.Hints(
			on.KeepState(),
			"to send it all the same, as where nothing outlives the run: --pin-unrecorded",
		)},
		{Is: ErrSource, Exit: explain.Human, Code: agent.CodePINNeeded, More: "--pin says where the PIN is: prompt, pinentry, env:NAME, file:PATH, " + allStores + " or command:PROGRAM", With: func(_ error, row *explain.Row) {
			row.Hints = explain.Hints("--pin says where the PIN is: prompt, pinentry, env:NAME, file:PATH, " + on.PINStores() + " or command:PROGRAM")
		}},
		{Is: errNone, Exit: explain.Human, Code: agent.CodePINNeeded, Attend: true, More: "say where the PIN is, in place of none: --pin prompt (on a terminal), or another source", With: func(_ error, row *explain.Row) {
			row.Hints = explain.Hints("say where the PIN is, in place of none: --pin prompt (on a terminal), pinentry, env:NAME, file:PATH, " + on.PINStores() + " or command:PROGRAM")
		}},
		{Is: hardware.ErrPINNeeded, Exit: explain.Human, Code: agent.CodePINNeeded, Attend: true, More: "run it on a terminal, or say where the PIN is: --pin env:NAME, file:PATH, pinentry, " + allStores + " or command:PROGRAM", With: func(_ error, row *explain.Row) {
			row.Hints = explain.Hints("run it on a terminal, or say where the PIN is: --pin env:NAME, file:PATH, pinentry, " + on.PINStores() + " or command:PROGRAM")
		}},
	}
}

// refusalHints says what a person can do about a PIN that a device did not take.
func refusalHints(err error, row *explain.Row) {
	refused, _ := errors.AsType[*hardware.PINError](err)
	if explain.Type[*piv.CardError](err) {
		cardHints(refused, row)
	} else {
		tokenHints(refused, row)
	}
}

// tokenHints says what a person can do, which is never to try again blindly. How many tries
// are left nobody can say: PKCS#11 has flags for it and no number.
func tokenHints(refused *hardware.PINError, row *explain.Row) {
	row.Hints = explain.Hints("the PIN was sent once; look it up, and correct it where it comes from, for tokens lock after a few wrong ones")
	if refused.Locked {
		row.Hints = explain.Hints("to unlock it and set a new PIN: " + cmp.Or(refused.Unlock, "its maker's own tool, as the token's security officer (SO)"))
	}
}

// cardHints says what a person can do about a PIN that a card did not take. Where both of
// Yubico's programs can do it, both are named: ykman is what Yubico's pages speak of,
// yubico-piv-tool what servers have.
func cardHints(refused *hardware.PINError, row *explain.Row) {
	switch {
	case refused.ResetOnly:
		row.Hints = explain.Hints("all that is left: ykman piv reset (or yubico-piv-tool -a reset), which erases the keys and certificates of the PIV application; then enroll anew")
	case refused.Locked:
		row.Hints = explain.Hints(
			"set a new PIN with the PUK: ykman piv access unblock-pin (or yubico-piv-tool -a unblock-pin)",
			"the PUK is counted too; when both are blocked, only ykman piv reset helps, which erases the keys",
		)
	default:
		row.Hints = explain.Hints("the PIN was sent once; look it up, and correct it where it comes from, for the card blocks it when no tries are left")
	}
}
