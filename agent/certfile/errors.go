package certfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors of this package. What is there instead, and what to do, is in the text around them.
var (
	// ErrNoCertificate means that there is no certificate.
	ErrNoCertificate = errors.New("there is no certificate in it")

	// ErrNoKey means that there is no private key.
	ErrNoKey = errors.New("there is no private key in it")

	// ErrWrongPassword means that the password does not open the file. A file without a checksum
	// that is damaged looks the same.
	ErrWrongPassword = errors.New("the password is wrong")

	// ErrDamaged means that the file is not as it was made.
	ErrDamaged = errors.New("it is damaged")

	// ErrTooLarge means that there is more of it than anybody needs.
	ErrTooLarge = errors.New("it is too large")
)

// UnsupportedError means that something can be read and not used, or not be read by this package.
type UnsupportedError struct {
	What string // as "an elliptic curve key (P-256)"
	Why  string // and what to do instead
}

func (e *UnsupportedError) Error() string { return e.What + " cannot be used: " + e.Why }

// NoLeafError means that none of the certificates is for the key.
type NoLeafError struct {
	// Subjects are those of the certificates, quoted, because they are the CA's text, and with the kind of
	// the key where that is not RSA and the key is. Empty: there was none.
	Subjects []string
}

func (e *NoLeafError) Error() string {
	const shown = 3
	names := slices.Clone(e.Subjects[:min(shown, len(e.Subjects))])
	if more := len(e.Subjects) - shown; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	switch len(e.Subjects) {
	case 0:
		return "there is no certificate for this key"
	case 1:
		return "the certificate is for another key, that of " + names[0] + ": give the one that the CA made from this key's request"
	}
	return "none of the certificates is for this key; they are those of " + strings.Join(names, ", ") +
		": give the one that the CA made from this key's request"
}

func damaged(how string) error { return fmt.Errorf("%w: %s; get it again", ErrDamaged, how) }
