package device

// What to type where a module makes or takes no keys: the maker's own tool does, and what it has made
// is used like any other key.

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// makersTool is a tool that makes keys, and puts them, where a module does not.
type makersTool struct {
	module, maker string // parts of the module's file name and of the token's maker, in small letters; "": any

	makes, takes func(*hsm.RefusalError) []string

	names bool // the device chooses the names of its keys
}

// makersTools are the tools, the first that fits being meant.
var makersTools = []makersTool{
	{"yubihsm", "", makesInYubiHSM, putsIntoYubiHSM, false},
	{"kmsp11", "", makesInKMS, putsByPKCS11, false},
	{"ykcs11", "", makesOnPIV, putsOntoPIV, true},
	{"opensc", "piv", makesOnPIV, putsOntoPIV, true},
	{"opensc", "", makesByOpenSC, putsByOpenSC, false},
	{"", "", makesByPKCS11, putsByPKCS11, false},
}

// makersHints says how the maker's tool makes or takes a key, and how to go on with it.
func makersHints(refused *hsm.RefusalError) []string {
	if refused.Shorter {
		return []string{shorterKey(refused)}
	}
	if refused.Protected {
		return []string{unprotect(refused)}
	}
	tool, key := toolFor(refused), shell.Quote(refused.Key.String())
	if tool.names {
		key = "ADDRESS"
	}
	if tool.names && refused.Bits != 0 {
		return tool.makes(refused)
	}
	if refused.Bits == 0 {
		return append(tool.takes(refused), fmt.Sprintf("then: %s enroll --key %s --certificate FILE", build.Program, key))
	}
	return append(tool.makes(refused), fmt.Sprintf("then: %s enroll --key %s --email YOU --reuse-key, which makes the request (CSR) for that key; in a rotation: %s rotate start --new-key %s", build.Program, key, build.Program, key))
}

// unprotect says who can let a token be written.
func unprotect(refused *hsm.RefusalError) string {
	return "whoever looks after the token can let it be written (a switch on it, a read-only role or partition, write-protected=yes of p11-kit server); then the same command. " +
		"Another token takes the key as well: " + build.Program + " keys --key " + moduleOf(refused) + " lists those that are there"
}

// shorterKey says which lengths to try.
func shorterKey(refused *hsm.RefusalError) string {
	if refused.Longest > 0 {
		usable := 2048
		if refused.Longest >= 3072 {
			usable = 3072
		}
		return fmt.Sprintf("this token makes RSA keys of up to %d bits, and Anaplan takes shorter ones: the same command with --bits %d", refused.Longest, usable)
	}
	sizes := "--bits 2048"
	if refused.Bits > 3072 {
		sizes = "--bits 3072, or --bits 2048"
	}
	return fmt.Sprintf("TPMs and some tokens make no keys of %d bits; Anaplan takes shorter ones: the same command with %s", refused.Bits, sizes)
}

// toolFor returns the tool for a token.
func toolFor(refused *hsm.RefusalError) makersTool {
	module, maker := strings.ToLower(filepath.Base(refused.Module)), strings.ToLower(refused.Manufacturer)
	at := slices.IndexFunc(makersTools, func(tool makersTool) bool {
		return strings.Contains(module, tool.module) && strings.Contains(maker, tool.maker)
	})
	return makersTools[at] // the last one fits all
}

// labelOf is the label of the key.
func labelOf(refused *hsm.RefusalError) string {
	label, _ := refused.Key.Get("object")
	return label
}

func makesInYubiHSM(refused *hsm.RefusalError) []string {
	return []string{shell.Join("yubihsm-shell", "-a", "generate-asymmetric-key", "-i", "0", "-l", labelOf(refused), "-d", "1", "-c", "sign-pkcs", "-A", fmt.Sprintf("rsa%d", refused.Bits))}
}

func putsIntoYubiHSM(refused *hsm.RefusalError) []string {
	return []string{shell.Join("yubihsm-shell", "-a", "put-asymmetric-key", "-i", "0", "-l", labelOf(refused), "-d", "1", "-c", "sign-pkcs", "--in", "key.pem")}
}

// makesInKMS makes a key that signs any digest: the request has SHA-256, and a login SHA-512.
func makesInKMS(refused *hsm.RefusalError) []string {
	return []string{shell.Join("gcloud", "kms", "keys", "create", labelOf(refused), "--keyring", "RING", "--location", "LOCATION",
		"--purpose", "asymmetric-signing", "--default-algorithm", fmt.Sprintf("rsa-sign-raw-pkcs1-%d", refused.Bits), "--protection-level", "hsm")}
}

// viaPIV is shorter where the card is a YubiKey.
const viaPIV = "a YubiKey needs no module and no other tool: the same command with --key 'piv:slot=9c'"

// makesOnPIV has the request made by piv:, since OpenSC does not show a key without a certificate.
func makesOnPIV(refused *hsm.RefusalError) []string {
	steps := makesOnCard(pivuri.URI{Slot: DefaultSlot}, "", refused.Bits)
	return []string{viaPIV, "on another PIV card: " + steps[0], "then: " + steps[1] + ", which makes the request (CSR) for that key; in a rotation: " +
		build.Program + " rotate start --new-key piv:slot=SLOT --public-key public.pem"}
}

// pivTool puts something into a slot of any PIV card. reader is part of the reader's name; "" fits each.
func pivTool(reader string, slot pivuri.Slot) string {
	return fmt.Sprintf("yubico-piv-tool -r %s -k -s %s", shell.Quote(reader), slot)
}

// showsInOpenSC says how another program reaches the key of a slot.
func showsInOpenSC(reader string, slot pivuri.Slot) string {
	return fmt.Sprintf("OpenSC shows the key once its certificate is on the card (%s -a import-certificate -i certificate.pem), as --key %s",
		pivTool(reader, slot), shell.Quote(openSCsAddress(slot)))
}

// openSCsAddress is the address of a slot's key as OpenSC's module has it (OpenSC, pkcs15-piv.c).
func openSCsAddress(slot pivuri.Slot) string {
	labels := map[pivuri.Slot]string{0x9a: "PIV AUTH key", 0x9c: "SIGN key", 0x9d: "KEY MAN key", 0x9e: "CARD AUTH key"}
	address := uri.URI{}.With("manufacturer", "piv_II").With("module-name", "opensc-pkcs11")
	if label, known := labels[slot]; known {
		address = address.With("object", label)
	}
	return address.String()
}

// makesOnCard is what to type for a key in a slot of a card that nothing is put on from here, and for its
// request. Such a card does not tell its public key.
func makesOnCard(address pivuri.URI, reader string, bits int) [2]string {
	return [2]string{
		fmt.Sprintf("%s -a generate -A RSA%d -o public.pem", pivTool(reader, address.Slot), bits),
		shell.Join(build.Program, "enroll", "--key", address.String(), "--email", "YOU", "--reuse-key", "--public-key", "public.pem"),
	}
}

// keyless is a slot of a card that shows no key.
type keyless struct {
	address  pivuri.URI // with the slot
	reader   string     // part of its name; "" fits each
	untold   bool       // there may be a key
	readOnly bool       // nothing is put on the card from here
}

// KeyOnCard is what to type for a login by a slot of a card that shows no key there; slot 0: none is meant
// in particular.
func KeyOnCard(card piv.Card, slot pivuri.Slot) []string {
	address := card.Address
	address.Slot = cmp.Or(slot, DefaultSlot)
	return keyless{address, card.Reader, card.Untold != nil, card.ReadOnly != nil}.steps()
}

// steps begins with a key that may be there: what makes one puts it in that one's place.
func (k keyless) steps() (steps []string) {
	byTool := makesOnCard(k.address, k.reader, 2048)
	here := shell.Join(build.Program, "enroll", "--key", k.address.String(), "--email", "YOU")
	if k.untold {
		steps = append(steps,
			"if the slot has a key, it logs in with its certificate in a file: --certificate FILE",
			"its request (CSR) is made with its public key, which the program that made it has written: "+byTool[1])
	}
	switch {
	case !k.readOnly && k.untold:
		return append(steps, "if it has none, this makes one: "+here)
	case !k.readOnly:
		return append(steps, "to make one: "+here)
	}
	return append(steps,
		"if it has none, its maker's program makes one, or this, for most PIV cards, and then the request: "+byTool[0],
		showsInOpenSC(k.reader, k.address.Slot))
}

// putsOntoPIV is the same for a key from a file.
func putsOntoPIV(refused *hsm.RefusalError) []string {
	return []string{
		viaPIV,
		"on another PIV card: " + pivTool("", DefaultSlot) + " -a import-key -i key.pem",
		"and its certificate: " + pivTool("", DefaultSlot) + " -a import-certificate -i certificate.pem",
		showsAddress(refused),
	}
}

// showsAddress is for devices that name their keys themselves.
func showsAddress(refused *hsm.RefusalError) string {
	return "the key's address: " + build.Program + " keys --key " + moduleOf(refused)
}

// moduleOf is the address of all that a module has.
func moduleOf(refused *hsm.RefusalError) string {
	return shell.Quote(refused.Key.Without("token", "manufacturer", "model", "serial", "object", "id", "type").String())
}

func makesByOpenSC(refused *hsm.RefusalError) []string {
	return []string{shell.Join("pkcs15-init", "--generate-key", fmt.Sprintf("rsa/%d", refused.Bits), "--auth-id", "01", "--label", labelOf(refused))}
}

func putsByOpenSC(refused *hsm.RefusalError) []string {
	return []string{shell.Join("pkcs15-init", "--store-private-key", "key.pem", "--auth-id", "01", "--label", labelOf(refused))}
}

func makesByPKCS11(refused *hsm.RefusalError) []string {
	return []string{shell.Join("pkcs11-tool", "--module", refused.Module, "--token-label", refused.Token, "--login",
		"--keypairgen", "--key-type", fmt.Sprintf("rsa:%d", refused.Bits), "--usage-sign", "--label", labelOf(refused)) + ", or its maker's own tool"}
}

func putsByPKCS11(refused *hsm.RefusalError) []string {
	return []string{"its maker's own tool may wrap and import it, or make a new key in its place: " +
		build.Program + " enroll --key " + shell.Quote(refused.Key.String()) + " --email YOU"}
}
