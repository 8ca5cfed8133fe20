package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/hsm"
)

// maxPIN bounds what is read as a PIN, in bytes.
const maxPIN = 1024

// errNotConfirmed is returned when the last try is not confirmed.
var errNotConfirmed = errors.New("the last PIN try was not confirmed, and is not spent")

// errPINSource says that the place that the PIN should come from gave none.
var errPINSource = errors.New("no PIN to be had")

// pinAsker gets a PIN from where the profile says, with the rules that keep a
// token from being locked: a refused PIN is not sent again, and the last try is
// spent on an explicit yes only.
type pinAsker struct {
	source   config.PINSource // zero: the address's pin-source, else prompt
	changed  bool             // the user says that a refused PIN has been replaced
	refusals refusals
	patience *patience
	say      *messenger

	// The PIN that was given out last: where it came from and for which token.
	used  config.PINSource
	token tokenName

	// keep: hold a PIN until drop, for a command that logs in twice.
	keep bool
	kept []byte
}

// ask is an hsm.PINFunc.
func (a *pinAsker) ask(ctx context.Context, request hsm.PINRequest) ([]byte, error) {
	source, err := a.sourceFor(request)
	if err != nil {
		return nil, err
	}
	token := tokenName{request.Token, request.Serial}
	if a.kept != nil && a.token == token {
		return bytes.Clone(a.kept), nil
	}
	a.used, a.token = source, token
	if source.Kind == config.PINNone {
		return nil, fmt.Errorf("%w, and the PIN source is none", hsm.ErrPINNeeded)
	}
	if !interactive(source) && !a.changed {
		if err := a.refusals.check(a.token, source.String(), stampOf(source)); err != nil {
			return nil, err
		}
	}
	if request.State == hsm.PINFinalTry {
		if err := a.confirmLastTry(ctx, request.Token); err != nil {
			return nil, err
		}
	}
	if request.PINPad {
		a.say.note("enter the PIN of token %q on the keypad of the device", request.Token)
		return nil, nil
	}
	pin, err := a.read(ctx, source, request)
	if a.keep && err == nil {
		a.kept = bytes.Clone(pin)
	}
	return pin, err
}

// drop forgets the PIN that is kept.
func (a *pinAsker) drop() {
	clear(a.kept)
	a.kept = nil
}

// settle remembers how it went: err is what came of the call that asked.
func (a *pinAsker) settle(err error) {
	_, refused := errors.AsType[*hsm.PINError](err)
	if refused {
		a.drop()
	}
	if a.used.Kind == "" || interactive(a.used) {
		return
	}
	switch {
	case refused:
		err = a.refusals.remember(a.token, a.used.String(), stampOf(a.used))
	case err == nil:
		err = a.refusals.forget(a.token, a.used.String())
	default:
		return
	}
	if err != nil {
		a.say.warn("whether the PIN was refused cannot be remembered: %v", err)
	}
}

// sourceFor returns where the PIN comes from: the setting, else the address's
// pin-source (RFC 7512 section 2.4), else the terminal.
func (a *pinAsker) sourceFor(request hsm.PINRequest) (config.PINSource, error) {
	switch {
	case a.source.Kind != "":
		return a.source, nil
	case request.Source != "":
		return config.ParsePINURI(request.Source)
	}
	return config.PINSource{Kind: config.PINPrompt}, nil
}

// interactive reports whether a person gives the PIN each time.
func interactive(source config.PINSource) bool {
	return source.Kind == config.PINPrompt || source.Kind == config.PINPinentry
}

// confirmLastTry asks on the terminal, whatever the PIN's source is.
func (a *pinAsker) confirmLastTry(ctx context.Context, token string) error {
	terminal, err := openTerminal()
	if err != nil {
		return fmt.Errorf("one more wrong PIN locks token %q, so a person must say yes first: %w", token, err)
	}
	defer terminal.Close()
	defer a.patience.pause()()
	yes, err := terminal.askYes(ctx, fmt.Sprintf("LAST TRY: one more wrong PIN locks token %q.", token))
	if err != nil {
		return err
	}
	if !yes {
		return errNotConfirmed
	}
	return nil
}

// read gets the PIN; an empty one is an error.
func (a *pinAsker) read(ctx context.Context, source config.PINSource, request hsm.PINRequest) ([]byte, error) {
	defer a.patience.pause()()
	pin, err := a.readFrom(ctx, source, request)
	if err != nil {
		clear(pin)
		return nil, err
	}
	pin = bytes.TrimRight(pin, "\r\n")
	if len(pin) == 0 {
		return nil, fmt.Errorf("%w: %s gave an empty PIN", errPINSource, source)
	}
	return pin, nil
}

func (a *pinAsker) readFrom(ctx context.Context, source config.PINSource, request hsm.PINRequest) ([]byte, error) {
	switch source.Kind {
	case config.PINPrompt:
		return promptPIN(ctx, question(request))
	case config.PINPinentry:
		return runPinentry(ctx, cmp.Or(source.Arg, "pinentry"), question(request))
	case config.PINEnv:
		return envPIN(source.Arg)
	case config.PINFile:
		return a.filePIN(source.Arg)
	case config.PINCredential:
		return a.credentialPIN(source.Arg)
	case config.PINCommand:
		return commandPIN(ctx, source)
	}
	return nil, fmt.Errorf("%w: unknown PIN source %q", errPINSource, source.Kind)
}

// question says for what the PIN is, and what the token tells of its counter.
func question(request hsm.PINRequest) string {
	text := fmt.Sprintf("PIN for token %q", request.Token)
	if request.Key != "" {
		text = fmt.Sprintf("PIN for key %q on token %q (it asks at each signature)", request.Key, request.Token)
	}
	switch request.State {
	case hsm.PINLow:
		text += " (the last PIN was wrong; the token may lock after a few)"
	case hsm.PINFinalTry:
		text += " (LAST TRY)"
	}
	return text
}

func promptPIN(ctx context.Context, question string) ([]byte, error) {
	terminal, err := openTerminal()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", hsm.ErrPINNeeded, err)
	}
	defer terminal.Close()
	return terminal.askSecret(ctx, question)
}

func envPIN(name string) ([]byte, error) {
	value, ok := os.LookupEnv(name)
	if !ok {
		return nil, fmt.Errorf("%w: the environment variable %s is not set", errPINSource, name)
	}
	return []byte(value), nil
}

// filePIN reads a file that holds the PIN and nothing else.
func (a *pinAsker) filePIN(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPINSource, err)
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && othersMayRead(info) {
		a.say.warn("%s holds a PIN and others may read it: chmod 600 it", path)
	}
	return readPIN(file, path)
}

// credentialPIN reads a credential that systemd has put into the service's own
// directory (systemd.exec(5), LoadCredential=).
func (a *pinAsker) credentialPIN(name string) ([]byte, error) {
	path, err := credentialPath(name)
	if err != nil {
		return nil, err
	}
	return a.filePIN(path)
}

func credentialPath(name string) (string, error) {
	directory := os.Getenv("CREDENTIALS_DIRECTORY")
	if directory == "" {
		return "", fmt.Errorf("%w: systemd passes no credentials to this process (CREDENTIALS_DIRECTORY is not set)", errPINSource)
	}
	return filepath.Join(directory, filepath.Base(name)), nil
}

// commandPIN takes what a program prints.
func commandPIN(ctx context.Context, source config.PINSource) ([]byte, error) {
	words, err := config.Words(source.Arg)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := startSealed(command); err != nil {
		return nil, fmt.Errorf("%w: %w", errPINSource, err)
	}
	pin, err := readPIN(output, words[0])
	if err != nil {
		command.Process.Kill()
	}
	if waitErr := command.Wait(); err == nil && waitErr != nil {
		clear(pin)
		return nil, fmt.Errorf("%w: %s: %w", errPINSource, words[0], waitErr)
	}
	return pin, err
}

// readPIN reads what is short enough for a PIN.
func readPIN(from io.Reader, name string) ([]byte, error) {
	pin, err := io.ReadAll(io.LimitReader(from, maxPIN+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errPINSource, err)
	case len(pin) > maxPIN:
		clear(pin)
		return nil, fmt.Errorf("%w: %s gave more than %d bytes", errPINSource, name, maxPIN)
	}
	return pin, nil
}

// stampOf tells a changed PIN file from the one that was refused.
func stampOf(source config.PINSource) string {
	switch source.Kind {
	case config.PINFile:
		return fileStamp(source.Arg)
	case config.PINCredential:
		if path, err := credentialPath(source.Arg); err == nil {
			return fileStamp(path)
		}
	}
	return ""
}

// stateDir is where the program keeps what it must remember between runs: the
// XDG base directory specification's state directory. "" if there is no home.
func stateDir() string {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, program)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state", program)
}
