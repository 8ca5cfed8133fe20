package device

// What to do about keys, and the devices that hold them.

import (
	"cmp"
	"errors"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// managementKeyHint says how to give a management key.
const managementKeyHint = "--management-key says where it is, in hexadecimal: prompt, file:PATH, env:NAME, or protected (under the PIN)"

// Rows are what to do about keys, and the devices that hold them.
//
// A token that is not there is a person's matter, as it has to be plugged in or its daemon be
// started; a key that is not there is most often a wrong address. What a card or its reader
// has may pass. A device that is away or in trouble comes back by itself; what a person must
// put right does not.
func Rows(on remedy.System) explain.Table {
	return explain.Table{
		{Is: hardware.ErrNotStored, More: "the key is in the device, and safe: the same command again, or, with `--in-file`, a file of the profile's keeps the certificate", With: keptElsewhere},
		{As: explain.Type[*certificateSettingError], Exit: explain.Usage, Code: agent.CodeKeyUnusable, Final: true, Hints: explain.Hints(
			"--certificate names a file with the key's own certificate: PEM, DER or PKCS#7, alone",
		)},
		{Is: ErrCertificateFile, Exit: explain.Failed, Code: agent.CodeKeyUnusable, Final: true}, // what a CA has sent: the words say what it is instead
		{Is: ErrElsewhere, Exit: explain.Usage, Code: agent.CodeSettings, Final: true, Hints: explain.Hints(
			build.Program + " serve starts an agent here, which goes on to the other one; through it work api, run, list and exec --phantom",
		)},
		{Is: ErrDeviceInUse, More: "another login of this user takes long; a prompt may be open somewhere", Exit: explain.Failed, Code: agent.CodeDeviceFailed, Hints: explain.Hints("try again later; --timeout 5m waits longer")},

		{As: explain.Type[*hardware.AmbiguousError], Says: "the address fits 2 tokens", Exit: explain.Usage, Code: agent.CodeKeyUnusable, Final: true, Hints: explain.Hints("copy one of these addresses into --key")},
		{Is: hardware.ErrNoCgo, Exit: explain.Failed, Code: agent.CodeSettings, Final: true, Hints: explain.Hints("use a build made with CGO_ENABLED=1; on Windows every build has what YubiKeys need")},
		{As: explain.Type[*hsm.ModuleError], Says: "PKCS#11 module cannot be used: MODULE: starting the module", More: "also `listing its slots`: it loads and does not work; the text says what to do, where the module is one that is known", Exit: explain.Failed, Code: agent.CodeDeviceFailed, With: explain.With(
			func(err *hsm.ModuleError, row *explain.Row) {
				if row.Hints = nil; !err.Told {
					row.Hints = explain.Hints(
						"does it serve other programs? "+shell.Join("pkcs11-tool", "--module", err.Module, "--list-slots"),
						"if not, its maker's documentation says what it wants: a daemon, a configuration file, a variable",
					)
				}
			},
		)},
		{Is: hsm.ErrModule, More: "`cannot open shared object file`: the path is wrong, or a library that the module needs is missing, which the loader names (`ldd MODULE`); `C_GetFunctionList`: the file is a library, but not a PKCS#11 module", Exit: explain.Failed, Code: agent.CodeDeviceFailed, With: settings.NamesModules},
		{Is: hsm.ErrNoToken, More: "compare with the tokens that the error lists: a label may have changed, a USB token be unplugged, a daemon (`pkcsslotd`, `tpm2-abrmd`) be down", Exit: explain.Human, Code: agent.CodeDeviceAbsent, Hints: explain.Hints(
			build.Program + " keys --pin none --key 'pkcs11:?module-path=MODULE' lists the tokens that are there",
		)},
		{Is: hardware.ErrKeyExists, Exit: explain.Failed, Hints: explain.Hints("for a new CSR of that key: --reuse-key; for a new key: another object= in --key"), With: keyExists},
		{Is: hsm.ErrNotMade, Exit: explain.Failed, Hints: explain.Hints(
			"have its maker's tool make the key, then: " + build.Program + " enroll --key ADDRESS --email YOU --reuse-key",
		), With: explain.With(func(refused *hsm.RefusalError, row *explain.Row) { row.Hints = explain.Hints(makersHints(refused)...) })},
		{Is: hsm.ErrNoImport, Exit: explain.Failed, Hints: explain.Hints(
			"have its maker's tool put the key there, then: " + build.Program + " enroll --key ADDRESS --certificate FILE",
		), With: explain.With(func(refused *hsm.RefusalError, row *explain.Row) { row.Hints = explain.Hints(makersHints(refused)...) })},
		{Is: hsm.ErrNotDeleted, Exit: explain.Failed, Hints: explain.Hints("have the tool delete it that has made it: the device's own, or pkcs11-tool --delete-object as another user of the token")},
		{Is: hardware.ErrNoKey, More: "private keys show after a login only: the wrong source of the PIN can be the cause as well as a wrong label", Exit: explain.Failed, Code: agent.CodeKeyUnusable, Final: true, Hints: explain.Hints(
			build.Program+" keys --key ADDRESS, without object and id, lists the keys that are there",
			build.Program+" enroll --key ADDRESS --email YOU makes a key",
		), With: makingOnCard(
			build.Program+" keys --key CARD lists the keys that are there",
			build.Program+" enroll --key SLOT --email YOU makes a key",
		)},
		{Is: hardware.ErrNoPublicKey, Exit: explain.Failed, Code: agent.CodeKeyUnusable, Final: true, Hints: explain.Hints(
			"if its maker's tool has written the public key into a file: --public-key FILE",
		)},
		{Is: hardware.ErrUnusableKey, Exit: explain.Failed, Code: agent.CodeKeyUnusable, Final: true, Hints: explain.Hints(
			"Anaplan takes RSA keys of 2048 bits or more: " + build.Program + " enroll --key ADDRESS --email YOU makes one",
		), With: makingOnCard(
			"Anaplan takes RSA keys of 2048 bits or more: " + build.Program + " enroll --key SLOT --email YOU makes one",
		)},

		{Is: errManagementKeySource, Exit: explain.Human, Hints: explain.Hints(managementKeyHint)},
		{Is: piv.ErrManagementKey, Exit: explain.Human, Hints: explain.Hints(
			managementKeyHint,
			"if nobody knows it: ykman piv reset erases all keys of the YubiKey's PIV application and sets the factory's",
		)},
		{Is: piv.ErrNoService, More: "Linux: `sudo systemctl start pcscd.socket`; Windows: `sc.exe start SCardSvr`, as administrator", Exit: explain.Human, Code: agent.CodeDeviceAbsent, With: func(_ error, row *explain.Row) { row.Hints = explain.Hints(on.StartSmartcards()...) }},
		{Is: piv.ErrNotTouched, Exit: explain.Human, Code: agent.CodeTouchNeeded, Attend: true, Hints: explain.Hints(
			"touch the YubiKey's contact when it blinks; it waits for some 15 seconds",
			"for a notice on the desktop: --touch-command 'notify-send "+build.Program+"'",
		)},
		{Is: piv.ErrBusy, More: "`gpg` holds cards until `gpgconf --kill scdaemon`; browsers and VPN clients do until they are closed", Exit: explain.Human, Code: agent.CodeDeviceFailed, With: func(_ error, row *explain.Row) { row.Hints = explain.Hints(busyHints(on)...) }},
		{Is: piv.ErrRemoved, Exit: explain.Human, Code: agent.CodeDeviceAbsent, Hints: explain.Hints("put the YubiKey back in, and leave it until the command has ended")},
		{Is: piv.ErrNoCard, Exit: explain.Human, Code: agent.CodeDeviceAbsent, Hints: explain.Hints(
			build.Program + " keys --key piv: lists the cards that are connected",
		)},
		{Is: piv.ErrNotPIV, Exit: explain.Human, Code: agent.CodeDeviceAbsent, Hints: explain.Hints(
			"a YubiKey may have its PIV application switched off: ykman config usb --enable PIV (or nfc)",
			"cards of other makers work by OpenSC's module: --key 'pkcs11:?module-name=opensc-pkcs11'",
		)},
		{Is: piv.ErrDevice, Exit: explain.Failed, Code: agent.CodeDeviceFailed, Hints: explain.Hints(
			"pull the YubiKey out, put it back in, and try again; a slow one is given more time by --timeout 5m",
		)},
		{As: explain.Type[*piv.OtherMakerError], Says: "does not know the command", More: "also `has no slot`: the card is not a YubiKey", Exit: explain.Failed, Hints: explain.Hints(
			"the card signs with what is on it; a program for such cards puts keys and certificates there, for example: yubico-piv-tool -r '' -a generate -s 9c -A RSA2048",
			"another way to the card is OpenSC's module: "+build.Program+" keys --key 'pkcs11:?module-name=opensc-pkcs11'",
		), With: readOnlyCard},
		{Is: piv.ErrNotAttested, Exit: explain.Failed, Hints: explain.Hints(
			"if the CA does not ask for one, the same without --attestation does; if it does, make a key on a YubiKey by " + build.Program + " enroll",
		)},
		{Is: piv.ErrUnsupported, Exit: explain.Failed, Hints: explain.Hints(
			"a YubiKey's firmware cannot be changed: ask for less, or use a newer one; " + build.Program + " keys --key piv: shows the versions",
		)},

		// The certificate. One that is missing, expired or not begun needs the CA's answer or a
		// calendar, one of another key only another file.
		{Is: hardware.ErrNoCertificate, Exit: explain.Human, Code: agent.CodeKeyUnusable, Final: true, Hints: explain.Hints(
			build.Program+" enroll --key ADDRESS --certificate FILE stores the one that your CA has issued",
			"or name its file: --certificate FILE",
		)},
		{Is: hardware.ErrNotKept, Exit: explain.Failed, Hints: explain.Hints("put the certificate, alone, into a file that the agent may read, and name it: certificate = \"PATH\" in the profile, or --certificate PATH")},
		{Is: hardware.ErrCertificateExpired, More: "`rotate` gets a new key and certificate", Exit: explain.Human, Code: agent.CodeKeyUnusable, Final: true, Hints: explain.Hints(
			build.Program + " enroll --key ADDRESS --email YOU --reuse-key prints a CSR for a new one",
		)},
		{Is: hardware.ErrCertificateNotYetValid, Exit: explain.Human, Code: agent.CodeKeyUnusable, Hints: explain.Hints("look at this machine's clock, or wait")},
		{Is: hardware.ErrCertificateMismatch, More: "the CA signed another CSR, or the file is an older one", Exit: explain.Failed, Code: agent.CodeKeyUnusable, Final: true, Hints: explain.Hints(
			build.Program + " keys --key ADDRESS, without object and id, shows which certificate belongs to which key",
		), With: onCard(
			build.Program + " keys --key CARD shows which slot holds which certificate",
		)},
		{Is: hardware.ErrBadSignature, More: "before firmware 5.3 a YubiKey does not tell its public key", Exit: explain.Failed, Code: agent.CodeKeyUnusable, Final: true, Hints: explain.Hints(
			"try again; if it stays so, the device, its reader or its PKCS#11 module is faulty: "+build.Program+" doctor --key ADDRESS looks at it",
			"on a device that does not tell its public key the certificate may be another key's: "+build.Program+" keys --key ADDRESS shows what is there",
		)},

		// A device that gave no clear answer may give one another time.
		{As: gaveNoClearAnswer, Exit: explain.Failed, Code: agent.CodeDeviceFailed, Hints: explain.Hints("try again; if it stays so, " + build.Program + " doctor --key ADDRESS looks at the device and its module")},
	}
}

// keptElsewhere says how to go on with a key whose certificate the device has not stored.
func keptElsewhere(err error, row *explain.Row) {
	safe := "the key is in the device, and safe"
	switch {
	case hsm.Transient(err):
		row.Hints = nil // those of any trouble of a token
		safe += ": try the same command again; pull a USB device out and put it back in before"
	case len(row.Hints) > 0:
		safe += "; with that put right, the same command stores its certificate"
	}
	row.Hints = append(row.Hints, explain.Hint{Text: safe},
		explain.Hint{Text: "if the device still does not store it, a login takes the certificate from a file of the profile's as well", Flag: "--in-file"})
}

// onCard gives other hints where the error is of a card: what to do about a key depends on what
// holds it. CARD in them is the address of that card, and SLOT that of the slot which is advised: of
// several cards no other is meant.
func onCard(hints ...string) func(error, *explain.Row) {
	return explain.With(func(err *piv.CardError, row *explain.Row) {
		slot := err.Card
		slot.Slot = DefaultSlot
		words := strings.NewReplacer("CARD", shell.Word(err.Card.String()), "SLOT", shell.Quote(slot.String()))
		row.Hints = nil
		for _, hint := range hints {
			row.Hints = append(row.Hints, explain.Hint{Text: words.Replace(hint)})
		}
	})
}

// keyExists says how to go on with the key that is there, which may have other names than those asked
// for.
func keyExists(err error, row *explain.Row) {
	onCard("for a new CSR of that key: --reuse-key; for a new key: another slot= in --key (82 to 95 are as good)")(err, row)
	if there, ok := errors.AsType[*hardware.KeyExistsError](err); ok {
		another := "for a new key: another object= in --key"
		if there.OnlyOne {
			another = "for a new key: another token, or this one once the tool of its maker has deleted that key"
		}
		row.Hints = explain.Hints("for a new CSR of that key: "+build.Program+" enroll --key "+shell.Quote(there.Address)+" --email YOU --reuse-key", another)
	}
}

// makingOnCard is onCard for hints to make a key, which some cards want another program for.
func makingOnCard(hints ...string) func(error, *explain.Row) {
	return func(err error, row *explain.Row) {
		onCard(hints...)(err, row)
		readOnlyCard(err, row)
	}
}

// readOnlyCard is what to do about a key of a card which nothing is put on from here, or which does not tell
// whether it has the key.
func readOnlyCard(err error, row *explain.Row) {
	of, known := errors.AsType[*piv.CardError](err)
	other, isOthers := errors.AsType[*piv.OtherMakerError](err)
	untold, isUntold := errors.AsType[*piv.UntoldError](err)
	readOnly := isOthers && other.ReadOnly
	if !known || !readOnly && !isUntold {
		return
	}
	named := pivuri.Slot(0)
	switch {
	case isUntold:
		named = untold.Card.Slot
	case readOnly:
		named = other.Slot
	}
	slot := keyless{address: of.Card, reader: of.Card.Reader, untold: true, readOnly: readOnly}
	slot.address.Slot = cmp.Or(named, DefaultSlot)
	row.Hints = explain.Hints(slot.steps()...)
}

// gaveNoClearAnswer reports whether a device may give a clear answer another time.
func gaveNoClearAnswer(err error) bool {
	return hsm.Transient(err) || explain.Type[*pin.WaitError](err) || explain.Type[*hardware.PINUnclearError](err)
}

// busyHints says which programs hold cards most often, and how to find the one that
// does.
func busyHints(on remedy.System) []string {
	hints := []string{"gpg holds cards until it is told not to: gpgconf --kill scdaemon; browsers and VPN clients do until they are closed"}
	if find := on.FindCardHolder(); find != "" {
		hints = append(hints, find)
	}
	return hints
}
