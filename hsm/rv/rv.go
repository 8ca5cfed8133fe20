//go:build cgo

package rv

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"
)

// words says what the return values of PKCS#11 (version 2.40, section 5.1) mean
// to the person at the keyboard.
var words = map[pkcs11.Error]string{
	pkcs11.CKR_CANCEL:                           "it was cancelled at the token",
	pkcs11.CKR_HOST_MEMORY:                      "the machine has no memory left",
	pkcs11.CKR_SLOT_ID_INVALID:                  "the slot is gone",
	pkcs11.CKR_GENERAL_ERROR:                    "the module failed and does not say why",
	pkcs11.CKR_FUNCTION_FAILED:                  "the token could not do it and does not say why",
	pkcs11.CKR_ARGUMENTS_BAD:                    "the module did not take the arguments",
	pkcs11.CKR_CANT_LOCK:                        "the module cannot be used by several threads",
	pkcs11.CKR_NEED_TO_CREATE_THREADS:           "the module wants threads of its own",
	pkcs11.CKR_ACTION_PROHIBITED:                "the token does not allow that with this object",
	pkcs11.CKR_ATTRIBUTE_READ_ONLY:              "the token sets an attribute itself that was asked for",
	pkcs11.CKR_ATTRIBUTE_SENSITIVE:              "the token does not tell an attribute of the object",
	pkcs11.CKR_ATTRIBUTE_TYPE_INVALID:           "the object lacks an attribute",
	pkcs11.CKR_ATTRIBUTE_VALUE_INVALID:          "the token does not take the value of an attribute",
	pkcs11.CKR_DATA_INVALID:                     "the token does not take the data",
	pkcs11.CKR_DATA_LEN_RANGE:                   "the data is too long or too short for the key",
	pkcs11.CKR_DEVICE_ERROR:                     "the token or its slot has a fault",
	pkcs11.CKR_DEVICE_MEMORY:                    "the token has no memory left",
	pkcs11.CKR_DEVICE_REMOVED:                   "the token was removed",
	pkcs11.CKR_FUNCTION_CANCELED:                "it was cancelled at the token",
	pkcs11.CKR_FUNCTION_NOT_SUPPORTED:           "the module cannot do this at all",
	pkcs11.CKR_KEY_HANDLE_INVALID:               "the key is gone",
	pkcs11.CKR_KEY_SIZE_RANGE:                   "the token does not take keys of this size",
	pkcs11.CKR_KEY_TYPE_INCONSISTENT:            "the key is of another type",
	pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED:       "the key may not be used for this",
	pkcs11.CKR_MECHANISM_INVALID:                "the token does not know the mechanism",
	pkcs11.CKR_MECHANISM_PARAM_INVALID:          "the token does not take the mechanism's parameters",
	pkcs11.CKR_OBJECT_HANDLE_INVALID:            "the object is gone",
	pkcs11.CKR_OPERATION_ACTIVE:                 "the session is busy with something else",
	pkcs11.CKR_OPERATION_NOT_INITIALIZED:        "the token forgot what it was doing",
	pkcs11.CKR_PIN_INCORRECT:                    "the PIN is wrong",
	pkcs11.CKR_PIN_INVALID:                      "the PIN has characters that the token does not take",
	pkcs11.CKR_PIN_LEN_RANGE:                    "the PIN is too long or too short",
	pkcs11.CKR_PIN_EXPIRED:                      "the PIN has expired and must be changed first",
	pkcs11.CKR_PIN_LOCKED:                       "the PIN is locked",
	pkcs11.CKR_SESSION_CLOSED:                   "the session was closed",
	pkcs11.CKR_SESSION_COUNT:                    "the token has no session left; other programs hold them all",
	pkcs11.CKR_SESSION_HANDLE_INVALID:           "the session is gone; the token was reset, or another user of the module ended it",
	pkcs11.CKR_SESSION_READ_ONLY:                "the session may only read",
	pkcs11.CKR_SESSION_READ_WRITE_SO_EXISTS:     "the security officer is logged in",
	pkcs11.CKR_TEMPLATE_INCOMPLETE:              "the token wants more attributes for the object",
	pkcs11.CKR_TEMPLATE_INCONSISTENT:            "the token does not take these attributes together",
	pkcs11.CKR_TOKEN_NOT_PRESENT:                "there is no token in the slot",
	pkcs11.CKR_TOKEN_NOT_RECOGNIZED:             "the module does not know this kind of token",
	pkcs11.CKR_TOKEN_WRITE_PROTECTED:            "the token is write-protected",
	pkcs11.CKR_USER_ALREADY_LOGGED_IN:           "somebody is logged in already",
	pkcs11.CKR_USER_NOT_LOGGED_IN:               "the token ended the login",
	pkcs11.CKR_USER_PIN_NOT_INITIALIZED:         "the token has no user PIN yet; its security officer must set one",
	pkcs11.CKR_USER_TYPE_INVALID:                "the token does not know this kind of login",
	pkcs11.CKR_USER_ANOTHER_ALREADY_LOGGED_IN:   "another user is logged in",
	pkcs11.CKR_UNWRAPPING_KEY_HANDLE_INVALID:    "the token does not unwrap with this key",
	pkcs11.CKR_UNWRAPPING_KEY_SIZE_RANGE:        "the token does not unwrap with a key of this size",
	pkcs11.CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT: "the token does not unwrap with a key of this type",
	pkcs11.CKR_WRAPPED_KEY_INVALID:              "the token does not take the wrapped key",
	pkcs11.CKR_WRAPPED_KEY_LEN_RANGE:            "the wrapped key is too long or too short for the token",
	pkcs11.CKR_BUFFER_TOO_SMALL:                 "the module changed its mind about a length",
	pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED:         "the module was closed, or the server behind it is gone",
	pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED:     "the module is in use by this process already",
	pkcs11.CKR_FUNCTION_REJECTED:                "it was refused at the token",
}

// Words returns words for every code, also for those that are not in the
// table.
func Words(code pkcs11.Error) string {
	if text, ok := words[code]; ok {
		return text
	}
	if code >= pkcs11.CKR_VENDOR_DEFINED {
		return "the module returned an error of its maker's own"
	}
	return "the module returned an error"
}

// Name returns the name of a return value, or its number where it has none.
func Name(code pkcs11.Error) string {
	// miekg/pkcs11 says "pkcs11: 0xA0: CKR_PIN_INCORRECT", and an empty name for codes
	// that it does not know. All above the vendors' first have that one's name.
	_, name, _ := strings.Cut(code.Error(), "CKR_")
	if code == pkcs11.CKR_ACTION_PROHIBITED {
		name = "ACTION_PROHIBITED" // of version 2.40, whose names it does not have
	}
	if name == "" || code > pkcs11.CKR_VENDOR_DEFINED {
		return fmt.Sprintf("0x%X", uint(code))
	}
	return "CKR_" + name
}

// Untold are the answers that PKCS#11 has for an attribute that an object does not have or does not
// tell (section 5.7, C_GetAttributeValue).
var Untold = []pkcs11.Error{pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, pkcs11.CKR_ATTRIBUTE_SENSITIVE}

// Trouble are the answers that are about the token and not about one attribute.
var Trouble = []pkcs11.Error{
	pkcs11.CKR_HOST_MEMORY, pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_MEMORY, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT,
	pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED,
	pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED,
}

// Final are the return values that come back however often one asks: the
// address, the key or the token's set-up must change first. All others differ
// from module to module for one and the same event, so none of them is final.
var Final = []pkcs11.Error{
	pkcs11.CKR_ACTION_PROHIBITED, pkcs11.CKR_ARGUMENTS_BAD, pkcs11.CKR_CANT_LOCK,
	pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_SENSITIVE,
	pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID,
	pkcs11.CKR_DATA_INVALID, pkcs11.CKR_DATA_LEN_RANGE,
	pkcs11.CKR_CANCEL, pkcs11.CKR_FUNCTION_CANCELED, // the person at the PIN pad said no: no retry may ask again
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

// PINRefused are the return values by which a token refuses a PIN. The PIN must
// not be sent again.
var PINRefused = []pkcs11.Error{
	pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE,
	pkcs11.CKR_PIN_EXPIRED, pkcs11.CKR_PIN_LOCKED,
}

// Refusals are the answers by which a token says that it does not do or make what it was asked for.
// ykcs11 wants its security officer for all that writes (CKR_USER_TYPE_INVALID).
var Refusals = []pkcs11.Error{
	pkcs11.CKR_ACTION_PROHIBITED, pkcs11.CKR_ARGUMENTS_BAD,
	pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_SENSITIVE,
	pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID,
	pkcs11.CKR_DATA_INVALID, pkcs11.CKR_DATA_LEN_RANGE, pkcs11.CKR_DEVICE_MEMORY,
	pkcs11.CKR_FUNCTION_NOT_SUPPORTED, pkcs11.CKR_KEY_SIZE_RANGE, pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED,
	pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_MECHANISM_PARAM_INVALID,
	pkcs11.CKR_SESSION_READ_ONLY, pkcs11.CKR_TEMPLATE_INCOMPLETE, pkcs11.CKR_TEMPLATE_INCONSISTENT,
	pkcs11.CKR_TOKEN_WRITE_PROTECTED, pkcs11.CKR_USER_TYPE_INVALID,
}

// AboutTemplates are the answers to attributes that a token does not take.
var AboutTemplates = []pkcs11.Error{
	pkcs11.CKR_ACTION_PROHIBITED, pkcs11.CKR_ARGUMENTS_BAD, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID,
	pkcs11.CKR_TEMPLATE_INCOMPLETE, pkcs11.CKR_TEMPLATE_INCONSISTENT,
}

// Unclear are the answers that some modules have for everything.
var Unclear = []pkcs11.Error{pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_FUNCTION_FAILED}

// IsAny reports whether err is what a module returned, without words.
func IsAny(err error) bool {
	_, ok := errors.AsType[pkcs11.Error](err)
	return ok
}

// Is reports whether err is one of some return values, without words.
func Is(err error, codes ...pkcs11.Error) bool {
	code, ok := errors.AsType[pkcs11.Error](err)
	return ok && slices.Contains(codes, code)
}
