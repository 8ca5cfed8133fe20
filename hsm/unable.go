//go:build cgo

package hsm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

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
	return answered && device.refusal || isProtected(err)
}

// isProtected reports whether an error is that the token cannot be written.
func isProtected(err error) bool {
	_, unwritable := errors.AsType[unwritableError](err)
	return unwritable
}

// orNotKept says of why a certificate was not stored that the token does not keep it, where that is
// so.
func orNotKept(err error) error {
	if !isRefusal(err) {
		return err
	}
	return fmt.Errorf("%w: %w", hardware.ErrNotKept, err)
}

// orNotDeleted says of why something was not deleted that the token does not do that, where that is so.
func orNotDeleted(err error) error {
	if !isRefusal(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNotDeleted, err)
}

// refusedBy is a refusal of this key to come: afterwards the module is closed. bits is 0 for an
// import.
func (n newKey) refusedBy(t token, bits int) *RefusalError {
	return &RefusalError{
		Module: t.path, Manufacturer: strings.TrimSpace(t.info.ManufacturerID), Token: t.info.Label,
		Key: (&keyObject{label: n.label}).address(t.address), Bits: bits,
	}
}

// longest returns RefusalError.Longest for a key of some bits.
func (t token) longest(bits int) int {
	if bits <= everywhere {
		return 0
	}
	info, err := t.GetMechanismInfo(t.slot, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)})
	if longest := int(info.MaxKeySize); err == nil && longest >= everywhere && longest < bits {
		return longest
	}
	return 0
}

// everywhere is the length of RSA keys that each token makes, in bits.
const everywhere = 2048

// orNotMade says of why a key was not made that the token does not make it, where that is so. answer
// is the module's, which tpm2-pkcs11 has one of for whatever the TPM said, and attribute what author's
// refuses has found out.
func (n newKey) orNotMade(refused *RefusalError, err, answer error, attribute uint) error {
	isLong := refused.isLong()
	unclear := n.decrypts && isLong && isCode(answer, pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_FUNCTION_FAILED, pkcs11.CKR_DEVICE_ERROR)
	if !unclear && (!isRefusal(err) || isCode(answer, pkcs11.CKR_DEVICE_MEMORY)) {
		return err
	}
	refused.Protected = isProtected(err)
	refused.Shorter = isLong && (unclear || isCode(answer, pkcs11.CKR_KEY_SIZE_RANGE, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID))
	refused.Err = fmt.Errorf("%w: %w", ErrNotMade, err)
	switch {
	case refused.Shorter || !isCode(answer, aboutTemplates...):
	case attribute != 0:
		refused.Err = fmt.Errorf("%w; it refuses %s", refused.Err, inWordsOf(only(n.privateTemplate(), attribute)))
	default:
		refused.Err = fmt.Errorf("%w; what was asked of it: %s", refused.Err, inWordsOf(only(n.privateTemplate(), refusable...)))
	}
	return refused
}

// isLong reports whether the key has more bits than each token makes.
func (e *RefusalError) isLong() bool { return e.Bits > everywhere }

// refusable are the attributes of a private key that tokens refuse, those first that most often are.
var refusable = []uint{pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_SENSITIVE, pkcs11.CKA_UNWRAP, pkcs11.CKA_DECRYPT, pkcs11.CKA_SIGN}

// only returns the attributes of a template that are among some.
func only(template []*pkcs11.Attribute, kinds ...uint) []*pkcs11.Attribute {
	return slices.DeleteFunc(slices.Clone(template), func(a *pkcs11.Attribute) bool { return !slices.Contains(kinds, a.Type) })
}

// orNotTaken adds to the error that a key is not taken what its maker's tool needs.
func (e *RefusalError) orNotTaken(err error) error {
	if e.Protected = isProtected(err); e.Protected {
		err = fmt.Errorf("%w: %w", ErrNoImport, err)
	}
	if !errors.Is(err, ErrNoImport) {
		return err
	}
	e.Err = err
	return e
}

// aboutTemplates are the answers to attributes that a token does not take.
var aboutTemplates = []pkcs11.Error{
	pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID,
	pkcs11.CKR_TEMPLATE_INCOMPLETE, pkcs11.CKR_TEMPLATE_INCONSISTENT,
}

// attributeNames are those of refusable (PKCS#11 section 4.9).
var attributeNames = map[uint]string{
	pkcs11.CKA_SENSITIVE: "CKA_SENSITIVE", pkcs11.CKA_EXTRACTABLE: "CKA_EXTRACTABLE", pkcs11.CKA_SIGN: "CKA_SIGN",
	pkcs11.CKA_DECRYPT: "CKA_DECRYPT", pkcs11.CKA_UNWRAP: "CKA_UNWRAP",
}

// inWordsOf names the attributes of a template: "CKA_SIGN true, CKA_DECRYPT false".
func inWordsOf(template []*pkcs11.Attribute) string {
	var words []string
	for _, a := range template {
		words = append(words, fmt.Sprintf("%s %v", attributeNames[a.Type], len(a.Value) == 1 && a.Value[0] != 0))
	}
	return strings.Join(words, ", ")
}
