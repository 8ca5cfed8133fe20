//go:build cgo

package rv

import (
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/pkcs11"
)

// A return value of PKCS#11 says little, and modules return different ones for the same event. So
// they are put into words for people, with the code in parentheses to search the web for. Only few
// of them decide anything: those that refuse a PIN (PINRefused), those that another call cannot
// change (Final), those by which a token says what it does not do at all (Refusals), and those by
// which it asks for another mechanism (package hsm, otherMechanism).

// InWords puts words to what a module returned while doing, in an Error; nil for nil. An error that is
// not a return value stays as it is.
func InWords(doing string, err error) error {
	if code, ok := errors.AsType[pkcs11.Error](err); ok {
		final := slices.Contains(Final, code) || slices.Contains(PINRefused, code)
		return &Error{
			Doing: doing, Words: Words(code), Code: Name(code), Final: final,
			Refusal: slices.Contains(Refusals, code), Protected: code == pkcs11.CKR_TOKEN_WRITE_PROTECTED,
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
