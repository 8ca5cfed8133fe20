package pin

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

// errKeychain says that the program of macOS's has printed something else than a password.
var errKeychain = errors.New("/usr/bin/security does not print a password")

// fromKeychain asks macOS's own program for the password of a service, and macOS asks the person
// whether that may have it. What -w would print of a password that is not ASCII is hexadecimal, and
// not to be told from one that is; -g says which it is, on standard error (security(1)).
func fromKeychain(ctx context.Context, service string) ([]byte, error) {
	text, err := RunProgram(ctx, []string{"/usr/bin/security", "find-generic-password", "-g", "-s", service}, func(command *exec.Cmd) {
		subprocess.WithoutTerminal(command)
		command.Stdout, command.Stderr = nil, command.Stdout
	})
	if err != nil {
		return nil, fmt.Errorf("%w: the keychain's password of %q (security add-generic-password -s %q -a anaplan-agent -w makes one): %w", ErrSource, service, service, err)
	}
	defer clear(text)
	return keychainPassword(text)
}

// keychainPassword returns the password in what -g prints: in quotes, or as 0x and hexadecimal
// before that.
func keychainPassword(text []byte) ([]byte, error) {
	line, ok := bytes.CutPrefix(bytes.TrimRight(text, "\n"), []byte("password: "))
	if digits, isHex := bytes.CutPrefix(line, []byte("0x")); ok && isHex {
		digits, _, _ = bytes.Cut(digits, []byte(" "))
		password := make([]byte, hex.DecodedLen(len(digits)))
		if _, err := hex.Decode(password, digits); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSource, errKeychain)
		}
		return password, nil
	}
	if !ok || len(line) < 2 || line[0] != '"' || line[len(line)-1] != '"' {
		return nil, fmt.Errorf("%w: %w", ErrSource, errKeychain)
	}
	return bytes.Clone(line[1 : len(line)-1]), nil
}
