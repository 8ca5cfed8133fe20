//go:build !darwin

package pin

import (
	"context"
	"fmt"
)

// fromKeychain fails: on Windows \usr\bin\security would be a program of whoever has made it.
func fromKeychain(context.Context, string) ([]byte, error) {
	return nil, fmt.Errorf("%w: keychain is a place of macOS'; here a PIN can come from file:PATH or command:PROGRAM", ErrSource)
}
