package hardware

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
)

// minBits is the shortest RSA key that still stands for 112 bits of security, the least that is
// allowed for signatures (NIST SP 800-57 part 1, table 2), so that no service to log in to takes
// shorter ones.
const minBits = 2048

// CheckLength returns why a key cannot log in for its length, wrapping ErrUnusableKey; nil if
// it can.
func CheckLength(public *rsa.PublicKey) error {
	if bits := public.N.BitLen(); bits < minBits {
		return fmt.Errorf("%w: it is RSA %d, and a login needs 2048 bits or more", ErrUnusableKey, bits)
	}
	return nil
}

// NotRSA is the error for a key of another type, which is in words.
func NotRSA(kind string) error {
	return fmt.Errorf("%w: it is %s, and a login by SHA512withRSA needs RSA", ErrUnusableKey, kind)
}

// CheckNew returns why no key of so many bits is made; nil if it can be.
func CheckNew(bits int) error {
	if !slices.Contains([]int{2048, 3072, 4096}, bits) {
		return fmt.Errorf("keys have 2048, 3072 or 4096 bits, not %d", bits)
	}
	return nil
}

// Importable returns a copy of a key with the numbers that devices want beside the exponent, or
// why it cannot be imported. fits says what else a device does not take of a key of two primes;
// nil: nothing. The caller's own key is left as it is.
func Importable(key *rsa.PrivateKey, fits func(*rsa.PrivateKey) error) (*rsa.PrivateKey, error) {
	if key == nil || key.N == nil || key.D == nil || slices.Contains(key.Primes, nil) {
		return nil, errors.New("there is no private key to import")
	}
	if err := CheckLength(&key.PublicKey); err != nil {
		return nil, err
	}
	if len(key.Primes) != 2 {
		return nil, fmt.Errorf("%w: it has %d primes, and tokens and cards take keys of two", ErrUnusableKey, len(key.Primes))
	}
	if fits != nil {
		if err := fits(key); err != nil {
			return nil, err
		}
	}
	private := &rsa.PrivateKey{PublicKey: key.PublicKey, D: key.D, Primes: key.Primes}
	private.Precompute()
	if err := private.Validate(); err != nil {
		return nil, fmt.Errorf("%w: it is damaged: %w", ErrUnusableKey, err)
	}
	return private, nil
}
