//go:build cgo

package hsm

import (
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// What a token does not do at all: a YubiHSM or a network HSM may hold no certificates, and a card
// behind OpenSC may be written by its maker's tool only. That is told from trouble, after which the
// same call may succeed.

// refusals are the answers by which a token says that it does not do or make what it was asked for.
// ykcs11 wants its security officer for all that writes (CKR_USER_TYPE_INVALID).
var refusals = []pkcs11.Error{
	pkcs11.CKR_ACTION_PROHIBITED, pkcs11.CKR_ARGUMENTS_BAD,
	pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_SENSITIVE,
	pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID,
	pkcs11.CKR_DATA_INVALID, pkcs11.CKR_DATA_LEN_RANGE, pkcs11.CKR_DEVICE_MEMORY,
	pkcs11.CKR_FUNCTION_NOT_SUPPORTED, pkcs11.CKR_KEY_SIZE_RANGE, pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED,
	pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_MECHANISM_PARAM_INVALID,
	pkcs11.CKR_SESSION_READ_ONLY, pkcs11.CKR_TEMPLATE_INCOMPLETE, pkcs11.CKR_TEMPLATE_INCONSISTENT,
	pkcs11.CKR_TOKEN_WRITE_PROTECTED, pkcs11.CKR_USER_TYPE_INVALID,
}

// unwritableError says that nothing can be written to a token.
type unwritableError struct{ text string }

func (e unwritableError) Error() string { return e.text }

// isRefusal reports whether an error is the token's final answer to something that it should make.
func isRefusal(err error) bool {
	device, answered := errors.AsType[*deviceError](err)
	_, unwritable := errors.AsType[unwritableError](err)
	return answered && device.refusal || unwritable
}

// orNotKept says of why a certificate was not stored that the token does not keep it, where that is
// so.
func orNotKept(err error) error {
	if !isRefusal(err) {
		return err
	}
	return fmt.Errorf("%w: %w", hardware.ErrNotKept, err)
}
