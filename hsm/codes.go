//go:build cgo

package hsm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
)

// A return value of PKCS#11 says little, and modules return different ones for the same event. So
// they are put into words for people, with the code in parentheses to search the web for. Only few
// of them decide anything here: those that refuse a PIN (rv.PINRefused), those that another call cannot
// change (rv.Final), those by which a token says what it does not do at all (rv.Refusals, in
// unable.go), and those by which it asks for another mechanism (otherMechanism, in sign.go).

// inWords puts words to what a module returned while doing; nil for nil. An error that is not a
// return value stays as it is.
func inWords(doing string, err error) error {
	if code, ok := errors.AsType[pkcs11.Error](err); ok {
		final := slices.Contains(rv.Final, code) || slices.Contains(rv.PINRefused, code)
		return &deviceError{
			doing: doing, words: rv.Words(code), code: rv.Name(code), final: final,
			refusal: slices.Contains(rv.Refusals, code), protected: code == pkcs11.CKR_TOKEN_WRITE_PROTECTED,
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
