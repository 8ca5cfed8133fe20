package device

// The listing of devices for a person; cards are in list_cards.go. It contains text from tokens and
// certificates: labels go through %q, other fields through console.OneLine, and all of it through
// console.Printable before it is written.

import (
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/hsm"
)

// listText returns what was found for a person, with an empty line between devices.
func listText(found listing) string {
	var devices []string
	for _, token := range found.tokens {
		var text strings.Builder
		writeToken(&text, token)
		devices = append(devices, text.String())
	}
	for _, card := range found.cards {
		var text strings.Builder
		writeCard(&text, card)
		devices = append(devices, text.String())
	}
	return strings.Join(devices, "\n")
}

// writeToken writes a token, its keys, and the certificates that nothing uses. The others stand at
// their keys.
func writeToken(text *strings.Builder, token hsm.Token) {
	fmt.Fprintf(text, "token %q: %s %s, serial %s, slot %d%s\n", token.Label, console.OneLine(token.Manufacturer), console.OneLine(token.Model), console.OneLine(token.Serial), token.Slot, tokenState(token))
	fmt.Fprintf(text, "  %s\n", token.Address)
	if token.Err != nil {
		fmt.Fprintf(text, "  cannot be read: %s\n", console.OneLine(token.Err.Error()))
	}
	for _, key := range token.Keys {
		writeKey(text, judged(token, key))
	}
	if len(token.Keys) == 0 && token.Err == nil {
		fmt.Fprintf(text, "  no keys%s\n", hidden(token))
	}
	if token.Foreign != "" {
		fmt.Fprintf(text, "  there may be more: %s\n", console.OneLine(token.Foreign))
	}
	// Certificates that nothing uses are listed with the reason: most often the CA has
	// answered another CSR, or the old one is still there.
	for _, cert := range token.Certificates {
		if cert.Note != "" {
			fmt.Fprintf(text, "  certificate %s\n    not used: %s\n", Describe(cert.Certificate), console.OneLine(cert.Note))
		}
	}
}

// What keeps a key from logging in that has nothing wrong with itself.
var (
	errPINLocked    = errors.New("the token's PIN is locked")
	errTokenNotRead = errors.New("the login to the token failed, or there was none")
)

// judged returns a key with what is wrong with its token, if nothing is with the key.
func judged(token hsm.Token, key hsm.KeyInfo) hsm.KeyInfo {
	switch {
	case key.Problem != nil:
	case token.PIN == hardware.PINLocked:
		key.Problem = errPINLocked
	case token.Err != nil:
		key.Problem = errTokenNotRead
	}
	return key
}

// tokenState is what a person must know of the token before using it. Its PIN state
// is in capitals because the next careless try may lock it.
func tokenState(token hsm.Token) string {
	var state string
	switch token.PIN {
	case hardware.PINLow:
		state = ", THE LAST PIN WAS WRONG"
	case hardware.PINFinalTry:
		state = ", ONE PIN TRY LEFT"
	case hardware.PINLocked:
		state = ", PIN LOCKED"
	}
	if token.ReadOnly {
		state += ", write-protected"
	}
	if token.PINPad {
		state += ", with PIN pad"
	}
	return state
}

// hidden says that a login would show more. Without that "no keys" would be taken
// for a token that is empty.
func hidden(token hsm.Token) string {
	if token.LoggedIn {
		return ""
	}
	return " to be seen without a PIN"
}

// writeKey writes a key.
func writeKey(text *strings.Builder, key hsm.KeyInfo) {
	writeUse(text, fmt.Sprintf("%q", key.Label), key.Certificate, key.Problem, Unseen(key))
	fmt.Fprintf(text, "    %s%s\n    %s\n", console.OneLine(key.Type), KeyState(key), key.Address)
	writeCertificate(text, key.Certificate)
}

// Unseen returns why nobody knows whether a key is there before a login; "" if somebody does.
func Unseen(key hsm.KeyInfo) string {
	if !key.PublicOnly || key.Problem != nil {
		return ""
	}
	return OnlyPublic
}

// OnlyPublic is why it is not certain that a key is there which a token hides.
const OnlyPublic = "only its public key and its certificate show without a PIN; whether the private key is there, a login tells"

// writeUse writes first what a person looks for: whether the key can log in, and what Anaplan may
// not like about it. unseen is why that is not known before a login; "": it is.
func writeUse(text *strings.Builder, name string, cert *x509.Certificate, problem error, unseen string) {
	switch {
	case problem != nil:
		reason := strings.TrimPrefix(problem.Error(), hardware.ErrUnusableKey.Error()+": ")
		fmt.Fprintf(text, "  key %s: %s: %s\n", name, cannotLogIn, console.OneLine(reason))
		return
	case unseen != "":
		fmt.Fprintf(text, "  key %s: %s: %s\n", name, mayLogIn, unseen)
	default:
		fmt.Fprintf(text, "  key %s: %s\n", name, canLogIn)
	}
	for _, doubt := range agent.Examine(cert) {
		fmt.Fprintf(text, "    but %s\n", doubt)
	}
}

const (
	canLogIn    = "can log in"
	mayLogIn    = "may log in"
	cannotLogIn = "cannot log in"
)

// ofUse says which words of the listing are coloured. A label is quoted, so it cannot pass for them.
func ofUse() console.Mark {
	return console.Mark{
		Place: regexp.MustCompile(`^  key (?:"(?:[^"\\]|\\.)*"|in slot \w+): (can log in|may log in|cannot log in)`),
		Words: map[string]console.Colour{canLogIn: console.Green, mayLogIn: console.Yellow, cannotLogIn: console.Red},
	}
}

func writeCertificate(text *strings.Builder, cert *x509.Certificate) {
	if cert != nil {
		fmt.Fprintf(text, "    certificate %s\n", Describe(cert))
	}
}

// KeyState is what tells this key from others of its type. "never outside" takes
// both CKA_NEVER_EXTRACTABLE and CKA_SENSITIVE (PKCS#11 section 4.9).
func KeyState(key hsm.KeyInfo) string {
	var state string
	if key.NeverExtractable {
		state = ", made in the token and never outside"
	}
	if key.AlwaysAuthenticate {
		state += ", asks for the PIN at each signature"
	}
	return state
}
