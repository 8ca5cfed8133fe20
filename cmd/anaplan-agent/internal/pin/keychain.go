package pin

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
)

// errKeychain says that the program of macOS's has printed something else than a password.
var errKeychain = errors.New("macOS's program security does not print a password")

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
