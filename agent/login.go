package agent

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Key is a private key that can log in: the key of a PKCS#11 token, of a PIV
// slot, or of a test.
type Key interface {
	// Certificate returns the X.509 certificate of the key. Its public key is
	// the only one that anybody trusts.
	Certificate() *x509.Certificate

	// SignSHA512 returns the RSASSA-PKCS1-v1_5 signature with SHA-512
	// (SHA512withRSA) over message. It may wait for a person (a PIN, a touch)
	// and gives up when ctx ends. It returns no signature that it has not
	// verified with the certificate's public key.
	SignSHA512(ctx context.Context, message []byte) (signature []byte, err error)
}

// Format is the layout of a login message.
type Format string

const (
	// V2 is an 8-byte big-endian Unix time in seconds and 92 random bytes. It
	// is good for minutes.
	V2 Format = "v2"

	// V1 is 150 random bytes. Once signed, it is as good as a password for the life of the
	// certificate.
	V1 Format = "v1"
)

// Lengths of login messages in bytes. Anaplan asks for at least 100.
const (
	v2TimeLength = 8
	v2Length     = 100
	v1Length     = 150
)

// ErrFormat is returned for a login format that is neither V1 nor V2.
var ErrFormat = errors.New("unknown login format")

// ParseFormat returns the format of that name.
func ParseFormat(name string) (Format, error) {
	switch format := Format(name); format {
	case V1, V2:
		return format, nil
	}
	return "", fmt.Errorf("%w %q: it is %q, or %q for servers that do not know v2", ErrFormat, name, V2, V1)
}

// Login is one signed login message: what Anaplan takes in place of a password.
type Login struct {
	// Certificate is the certificate whose key signed Message.
	Certificate *x509.Certificate

	// Format is the layout of Message.
	Format Format

	// Message is the bytes that were signed, not encoded.
	Message Secret

	// Signature is the SHA512withRSA signature over Message, not encoded.
	Signature Secret
}

// MadeAt returns the time that a v2 message carries, in whole seconds; the zero
// time for v1, whose messages carry none.
func (l *Login) MadeAt() time.Time {
	message := l.Message.Bytes()
	if l.Format != V2 || len(message) < v2TimeLength {
		return time.Time{}
	}
	return time.Unix(int64(binary.BigEndian.Uint64(message)), 0)
}

// Clear overwrites the message and the signature: the login cannot be used afterwards.
func (l *Login) Clear() {
	l.Message.Clear()
	l.Signature.Clear()
}

// SignLogin makes a new login message and has key sign it. now goes into a v2
// message, so take it after everything that a person can delay.
func SignLogin(ctx context.Context, key Key, format Format, now time.Time) (*Login, error) {
	message, err := newMessage(format, now)
	if err != nil {
		return nil, err
	}
	signature, err := key.SignSHA512(ctx, message)
	if err != nil {
		return nil, fmt.Errorf("signing the login: %w", err)
	}
	return &Login{
		Certificate: key.Certificate(),
		Format:      format,
		Message:     NewSecret(message),
		Signature:   NewSecret(signature),
	}, nil
}

// newMessage returns the bytes to sign (contract section 1.3).
func newMessage(format Format, now time.Time) ([]byte, error) {
	switch format {
	case V1:
		message := make([]byte, v1Length)
		rand.Read(message)
		return message, nil
	case V2:
		message := make([]byte, v2Length)
		binary.BigEndian.PutUint64(message, uint64(now.Unix()))
		rand.Read(message[v2TimeLength:])
		return message, nil
	}
	return nil, fmt.Errorf("%w %q", ErrFormat, format)
}
