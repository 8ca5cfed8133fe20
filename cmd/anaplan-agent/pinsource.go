package main

// The places that a PIN can come from. Errors name the place and never show what was
// read there: it is the PIN, or most of it.

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// maxPIN bounds what is read as a PIN, in bytes. PKCS#11 leaves the bound to the
// token (CK_TOKEN_INFO, ulMaxPinLen); none takes as much as this.
const maxPIN = 1024

// errPINSource says that the place that the PIN should come from gave none.
var errPINSource = errors.New("no PIN to be had")

// read gets the PIN; an empty one is an error, for it is a mistake in a script
// and would cost a try. Only people are waited for as long as they need: a program
// that prints the PIN and hangs must not hang the job.
func (a *pinAsker) read(ctx context.Context, source config.PINSource, request pinRequest) ([]byte, error) {
	if interactive(source) {
		defer a.patience.pause()()
	}
	pin, err := a.readFrom(ctx, source, request)
	if err != nil {
		clear(pin)
		return nil, err
	}
	// The line end of an editor or of echo is no part of a PIN; blanks may be.
	pin = bytes.TrimRight(pin, "\r\n")
	if len(pin) == 0 {
		return nil, fmt.Errorf("%w: %s gave an empty PIN", errPINSource, source)
	}
	return pin, nil
}

// readFrom gets what stands at the source, with its line end.
func (a *pinAsker) readFrom(ctx context.Context, source config.PINSource, request pinRequest) ([]byte, error) {
	switch source.Kind {
	case config.PINPrompt:
		return promptPIN(ctx, request.question)
	case config.PINPinentry:
		return runPinentry(ctx, cmp.Or(source.Arg, "pinentry"), request.question)
	case config.PINEnv:
		return envPIN(source.Arg)
	case config.PINFile:
		return a.filePIN(ctx, source.Arg)
	case config.PINCredential:
		return a.credentialPIN(ctx, source.Arg)
	case config.PINCommand:
		return commandPIN(ctx, source.Arg)
	}
	return nil, fmt.Errorf("%w: unknown PIN source %q", errPINSource, source.Kind)
}

// promptPIN asks on the terminal.
func promptPIN(ctx context.Context, question string) ([]byte, error) {
	terminal, err := openTerminal()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPINNeeded, err)
	}
	defer terminal.Close()
	return terminal.askSecret(ctx, question)
}

// envPIN reads an environment variable. It stays set: a module may look into the
// environment, and a library that changed it would race with that.
func envPIN(name string) ([]byte, error) {
	value, ok := os.LookupEnv(name)
	if !ok {
		return nil, fmt.Errorf("%w: the environment variable %s is not set", errPINSource, name)
	}
	return []byte(value), nil
}

// filePIN reads a file that holds the PIN and nothing else. It may be a pipe, as
// in file:<(...) of a shell, whose writer never comes.
func (a *pinAsker) filePIN(ctx context.Context, path string) ([]byte, error) {
	pin, err := interruptible(ctx, func() ([]byte, error) { return a.say.readSecret(path, "a PIN") })
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPINSource, err)
	}
	return pin, nil
}

// readSecret reads a file that holds what, in words. It warns of one that others may
// read, and reads it all the same: on a test machine that may be meant, and a job must
// not stop for it. Pipes and devices have modes that say nothing about it.
func (m *messenger) readSecret(path, what string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && othersMayRead(info) {
		m.warn("%s holds %s and others may read it: chmod 600 it", path, what)
	}
	return readPIN(file, path)
}

// credentialPIN reads a credential that systemd has put into the service's own
// directory (systemd.exec(5), LoadCredential=).
func (a *pinAsker) credentialPIN(ctx context.Context, name string) ([]byte, error) {
	path, err := credentialPath(name)
	if err != nil {
		return nil, err
	}
	return a.filePIN(ctx, path)
}

// credentialPath returns where a credential lies. config has made sure that the
// name leads to no other directory; Base makes it so here too.
func credentialPath(name string) (string, error) {
	directory := os.Getenv("CREDENTIALS_DIRECTORY")
	if directory == "" {
		return "", fmt.Errorf("%w: systemd passes no credentials to this process (CREDENTIALS_DIRECTORY is not set)", errPINSource)
	}
	return filepath.Join(directory, filepath.Base(name)), nil
}

// readPIN reads what is short enough for a PIN or a management key, into memory that does not move:
// a buffer that grows leaves copies behind.
func readPIN(from io.Reader, name string) ([]byte, error) {
	pin := make([]byte, maxPIN+1)
	n, err := io.ReadFull(from, pin)
	switch {
	case err == nil:
		clear(pin)
		return nil, tooLong(name)
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		clear(pin)
		return nil, err
	}
	return pin[:n], nil
}

// tooLong is returned for what is too long for a PIN. Most often the wrong file was
// named; cutting it short would send the device a wrong PIN.
func tooLong(name string) error {
	return fmt.Errorf("%s gave more than %d bytes", name, maxPIN)
}

// stampOf tells a changed PIN file from the one that was refused. What stands in
// a variable or comes from a program has no stamp: a hash of it would be a copy of
// the PIN that four digits of guessing undo.
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
