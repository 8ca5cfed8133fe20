package pin

// The places that a PIN can come from. Errors name the place and never show what was
// read there: it is the PIN, or most of it.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// ErrSource says that the place that the PIN should come from did not give one.
var ErrSource = errors.New("no PIN available")

// read gets the PIN. Only people get as long as they need: a program that should print the PIN and
// hangs must not hang the job.
func (a *Asker) read(ctx context.Context, source config.PINSource, request Request) ([]byte, error) {
	if Interactive(source) {
		defer a.Pause()()
	}
	text, err := readFrom(ctx, source, request.question, a.Say.Warn)
	if err == nil {
		text, err = judged(text, source, request)
	}
	if err != nil {
		clear(text)
		return nil, err
	}
	return text, nil
}

// judged returns the PIN in a text, or why it is not a PIN. The caller overwrites the text.
func judged(text []byte, source config.PINSource, request Request) ([]byte, error) {
	pin, err := Judge(text, Place(source))
	if err == nil && request.check != nil {
		err = request.check(pin)
	}
	if err != nil {
		return text, err
	}
	return pin, nil
}

// Place names a source without the arguments of its program, which may hold anything.
func Place(source config.PINSource) string {
	switch source.Kind {
	case config.PINCommand:
		name, _, _ := strings.Cut(strings.TrimSpace(source.Arg), " ")
		return source.Kind + ":" + name
	case config.PINPrompt:
		return terminal
	}
	return source.String()
}

// readFrom reads the source, with the line end. It warns of a file that others can read.
func readFrom(ctx context.Context, source config.PINSource, question string, warn func(string, ...any)) ([]byte, error) {
	switch source.Kind {
	case config.PINPrompt:
		return promptPIN(ctx, question)
	case config.PINPinentry:
		return runPinentry(ctx, cmp.Or(source.Arg, "pinentry"), question)
	case config.PINEnv:
		text, err := console.ReadSecretEnv(source.Arg)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSource, err)
		}
		return text, nil
	case config.PINFile:
		return readFile(ctx, source.Arg, warn)
	case config.PINCredential:
		path, err := CredentialPath(source.Arg)
		if err != nil {
			return nil, err
		}
		// systemd decides who may read it: for a service with User= it sets an access control list,
		// which looks like the mode of a file that a group may read.
		return readFile(ctx, path, func(string, ...any) {})
	case config.PINDPAPI, config.PINWincred, config.PINKeychain:
		return ReadStored(ctx, source)
	case config.PINCommand:
		return commandPIN(ctx, source.Arg)
	}
	return nil, fmt.Errorf("%w: unknown PIN source %q", ErrSource, source.Kind)
}

// ReadStored returns what the system keeps encrypted for this user. Errors are ErrSource.
func ReadStored(ctx context.Context, source config.PINSource) ([]byte, error) {
	switch source.Kind {
	case config.PINKeychain:
		return fromKeychain(ctx, source.Arg)
	case config.PINWincred:
		return fromCredentialManager(source.Arg)
	}
	return fromDPAPI(source.Arg)
}

// promptPIN asks on the terminal.
func promptPIN(ctx context.Context, question string) ([]byte, error) {
	terminal, err := console.OpenTerminal()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", hardware.ErrPINNeeded, err)
	}
	defer terminal.Close()
	return terminal.AskSecret(ctx, question)
}

// readFile reads a file. It may be a pipe, as in file:<(...) of a shell, whose writer never
// comes.
func readFile(ctx context.Context, path string, warn func(string, ...any)) ([]byte, error) {
	text, err := console.Interruptible(ctx, func() ([]byte, error) { return console.ReadSecretFile(path, "a PIN", warn) })
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	return text, nil
}

// CredentialPath returns where a credential lies: in the service's own directory, into which
// systemd has put it (systemd.exec(5), LoadCredential=). config has made sure that the
// name leads to no other directory; Base makes it so here too.
func CredentialPath(name string) (string, error) {
	if remedy.Here().Manager() != "systemd" {
		return "", fmt.Errorf("%w: credential is a place of systemd's; here a PIN can come from file:PATH or command:PROGRAM", ErrSource)
	}
	directory := os.Getenv("CREDENTIALS_DIRECTORY")
	if directory == "" {
		return "", fmt.Errorf("%w: systemd passes no credentials to this process (CREDENTIALS_DIRECTORY is not set)", ErrSource)
	}
	return filepath.Join(directory, filepath.Base(name)), nil
}

// nameOf returns the name of a place, for notes: of a file it is the same from every
// directory.
func nameOf(source config.PINSource) string {
	if source.Kind == config.PINFile || source.Kind == config.PINDPAPI {
		if path, err := filepath.Abs(source.Arg); err == nil {
			source.Arg = path
		}
	}
	return source.String()
}

// samePlace returns one of the spellings of a place in words.
func samePlace(place string) string {
	source, err := config.ParsePINSource(place)
	if err != nil {
		return place
	}
	return nameOf(source)
}

// Sources returns where the PINs of a profile's keys come from, each place once. What is
// wrong with a place is left out.
func Sources(profile *config.Profile) (sources []config.PINSource) {
	asker := &Asker{Source: profile.PIN}
	for _, key := range profile.Keys {
		var request Request
		request.source, _ = key.Get("pin-source")
		if source, err := asker.SourceFor(request); err == nil && !slices.Contains(sources, source) {
			sources = append(sources, source)
		}
	}
	return sources
}

// StampOf returns a text that changes whenever the file that a PIN comes from is written: a reason
// to read it again. "" for other places, whose changes do not show.
func StampOf(source config.PINSource) string {
	switch source.Kind {
	case config.PINFile, config.PINDPAPI:
		return paths.Stamp(source.Arg)
	case config.PINCredential:
		if path, err := CredentialPath(source.Arg); err == nil {
			return paths.Stamp(path)
		}
	}
	return ""
}
