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
// of them decide anything here: those that refuse a PIN (pinCodes), those that another call cannot
// change (finalCodes), those by which a token says what it does not do at all (refusals, in
// unable.go), and those by which it asks for another mechanism (otherMechanism, in sign.go).

// finalCodes are the return values that come back however often one asks: the
// address, the key or the token's set-up must change first. All others differ
// from module to module for one and the same event, so none of them is final.
var finalCodes = []pkcs11.Error{
	pkcs11.CKR_ACTION_PROHIBITED, pkcs11.CKR_ARGUMENTS_BAD, pkcs11.CKR_CANT_LOCK,
	pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_SENSITIVE,
	pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID,
	pkcs11.CKR_DATA_INVALID, pkcs11.CKR_DATA_LEN_RANGE,
	pkcs11.CKR_FUNCTION_CANCELED, // the person at the PIN pad said no: no retry may ask again
	pkcs11.CKR_FUNCTION_NOT_SUPPORTED,
	pkcs11.CKR_KEY_SIZE_RANGE, pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED,
	pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_MECHANISM_PARAM_INVALID,
	pkcs11.CKR_SESSION_READ_ONLY,
	pkcs11.CKR_TEMPLATE_INCOMPLETE, pkcs11.CKR_TEMPLATE_INCONSISTENT,
	pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_TOKEN_WRITE_PROTECTED,
	pkcs11.CKR_UNWRAPPING_KEY_HANDLE_INVALID, pkcs11.CKR_UNWRAPPING_KEY_SIZE_RANGE,
	pkcs11.CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
	pkcs11.CKR_USER_PIN_NOT_INITIALIZED, pkcs11.CKR_USER_TYPE_INVALID,
	pkcs11.CKR_WRAPPED_KEY_INVALID, pkcs11.CKR_WRAPPED_KEY_LEN_RANGE,
	pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED,
}

// pinCodes are the return values by which a token refuses a PIN. The PIN must
// not be sent again.
var pinCodes = []pkcs11.Error{
	pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE,
	pkcs11.CKR_PIN_EXPIRED, pkcs11.CKR_PIN_LOCKED,
}

// inWords puts words to what a module returned while doing; nil for nil. An error that is not a
// return value stays as it is.
func inWords(doing string, err error) error {
	if code, ok := errors.AsType[pkcs11.Error](err); ok {
		final := slices.Contains(finalCodes, code) || slices.Contains(pinCodes, code)
		return &deviceError{
			doing: doing, words: rv.Words(code), code: rv.Name(code), final: final,
			refusal: slices.Contains(refusals, code), protected: code == pkcs11.CKR_TOKEN_WRITE_PROTECTED,
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// isReturnValue reports whether err is what a module returned, without words.
func isReturnValue(err error) bool {
	_, ok := errors.AsType[pkcs11.Error](err)
	return ok
}

func isCode(err error, codes ...pkcs11.Error) bool {
	code, ok := errors.AsType[pkcs11.Error](err)
	return ok && slices.Contains(codes, code)
}
