package pin

import (
	"context"
	"fmt"
	"os/exec"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

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
