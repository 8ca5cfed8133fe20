package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/nearest"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
)

// Kinds of PINSource.
const (
	PINPrompt     = "prompt"     // ask on the terminal
	PINNone       = "none"       // there is no PIN
	PINPinentry   = "pinentry"   // ask with a pinentry program; Arg: its path, "" for the usual one
	PINEnv        = "env"        // Arg: an environment variable
	PINFile       = "file"       // Arg: a file
	PINCredential = "credential" // Arg: a systemd credential
	PINDPAPI      = "dpapi"      // Arg: a file that Windows has encrypted for the user
	PINWincred    = "wincred"    // Arg: a generic credential of Windows' Credential Manager
	PINKeychain   = "keychain"   // Arg: the service of a password in macOS's keychain
	PINCommand    = "command"    // Arg: a command that prints the PIN; split it with Words
)

// PINSource is where a PIN comes from. It never holds a PIN.
type PINSource struct{ Kind, Arg string }

// String returns the source as ParsePINSource reads it.
func (s PINSource) String() string {
	if s.Arg == "" {
		return s.Kind
	}
	return s.Kind + ":" + s.Arg
}

// argument checks what stands behind the colon of one kind of source.
type argument struct {
	kind string
	// check says what has to stand there, nil if arg is that.
	check func(arg string) error
}

// arguments is a table of all kinds.
var arguments = []argument{
	{PINPrompt, isEmpty},
	{PINNone, isEmpty},
	{PINPinentry, func(string) error { return nil }},
	{PINEnv, isVariable},
	{PINFile, isPath},
	{PINCredential, isCredential},
	{PINDPAPI, isThere(PINDPAPI + ":PATH")},
	{PINWincred, isThere(PINWincred + ":NAME")},
	{PINKeychain, isThere(PINKeychain + ":SERVICE")},
	{PINCommand, isCommand},
}

// ParsePINSource reads the setting pin. "" is the zero source. Since people put
// the PIN itself there, errors do not show the text.
func ParsePINSource(s string) (PINSource, error) {
	if s == "" {
		return PINSource{}, nil
	}
	// The first colon only: paths and commands may hold more.
	kind, arg, colon := strings.Cut(s, ":")
	for _, a := range arguments {
		if a.kind != kind {
			continue
		}
		err := a.check(arg)
		if err == nil && colon && arg == "" {
			err = errors.New("nothing stands behind its colon")
		}
		if err != nil {
			return PINSource{}, fmt.Errorf("%s: %w", kind, err)
		}
		return PINSource{Kind: kind, Arg: arg}, nil
	}
	return PINSource{}, errNoSource(kind, remedy.Here())
}

// errNoSource says that there is no such kind, and which there are on a system. It does not show what
// was given, for that is most often a PIN; a near miss is answered with what was meant.
func errNoSource(kind string, on remedy.System) error {
	var kinds []string
	for _, a := range arguments {
		kinds = append(kinds, a.kind)
	}
	if meant := nearest.Word(strings.ToLower(kind), kinds); meant != "" {
		return fmt.Errorf("there is no such source of a PIN; did you mean %s?", meant)
	}
	return fmt.Errorf("a PIN must not be given here; use env:NAME, file:PATH, %s, command:PROGRAM, pinentry, prompt or none", on.PINStores())
}

// ParsePINURI reads the pin-source attribute of an address (RFC 7512 section
// 2.4): file:/path, /path or |command. The path is not decoded a second time, as
// other readers of the attribute do not either. Errors do not show the text.
func ParsePINURI(s string) (PINSource, error) {
	if command, ok := strings.CutPrefix(s, "|"); ok {
		if err := isCommand(command); err != nil {
			return PINSource{}, fmt.Errorf("pin-source: %w", err)
		}
		return PINSource{Kind: PINCommand, Arg: strings.TrimSpace(command)}, nil
	}
	path := strings.TrimPrefix(s, "file:")
	path = strings.TrimPrefix(path, "//") // an empty host: file:///path
	if !strings.HasPrefix(path, "/") && !filepath.IsAbs(path) {
		return PINSource{}, errors.New("pin-source: write file:/PATH or |COMMAND; a PIN must not be given here")
	}
	return PINSource{Kind: PINFile, Arg: path}, nil
}

// isEmpty is for kinds that need nothing more.
func isEmpty(arg string) error {
	if arg != "" {
		return errors.New("nothing may stand behind it")
	}
	return nil
}

// variableBytes are what a name that shells can set consists of.
const variableBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789"

// isVariable takes the name of an environment variable. A PIN of digits cannot be one, so a PIN
// that was written for the name is found.
func isVariable(arg string) error {
	if arg == "" || arg[0] >= '0' && arg[0] <= '9' || strings.Trim(arg, variableBytes) != "" {
		return errors.New("write env:NAME with the name of an environment variable, not its value and without $")
	}
	return nil
}

// isPath takes any path; whether the file is there shows when it is read.
func isPath(arg string) error {
	if arg == "" {
		return errors.New("write file:PATH")
	}
	return nil
}

// isThere takes any name or path.
func isThere(form string) func(string) error {
	return func(arg string) error {
		if arg == "" {
			return errors.New("write " + form)
		}
		return nil
	}
}

// isCredential takes the name of a file in systemd's credentials directory, and
// nothing that leads out of it (systemd.exec(5), LoadCredential=).
func isCredential(arg string) error {
	if arg == "" || strings.ContainsAny(arg, `/\`) || strings.HasPrefix(arg, ".") {
		return errors.New("write credential:NAME with a name that systemd's LoadCredential= has, not a path")
	}
	return nil
}

// isCommand takes what Words splits into at least a program.
func isCommand(arg string) error {
	words, err := Words(arg)
	if err == nil && len(words) == 0 {
		err = errors.New("write the program that prints the PIN, and what to call it with")
	}
	return err
}
