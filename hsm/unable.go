//go:build cgo

package hsm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/attribute"
	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
)

// What a token does not do at all: a YubiHSM or a network HSM may hold no certificates, and a card
// behind OpenSC may be written by its maker's tool only. That is told from trouble, after which the
// same call may succeed.

// orNotKept says of why a certificate was not stored that the token does not keep it, where that is
// so, or that it did not store it.
func orNotKept(err error) error {
	_, answered := errors.AsType[*rv.Error](err)
	switch {
	case rv.IsRefusal(err):
		return fmt.Errorf("%w: %w", hardware.ErrNotKept, err)
	case answered:
		return fmt.Errorf("%w: %w", hardware.ErrNotStored, err)
	}
	return err
}

// orNotDeleted says of why something was not deleted that the token does not do that, where that is so:
// it says that itself, or says that it has.
func orNotDeleted(err error) error {
	if !rv.IsRefusal(err) && !errors.Is(err, errStillThere) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNotDeleted, err)
}

// refusedBy is a refusal of this key to come: afterwards the module is closed. bits is 0 for an
// import.
func (n newKey) refusedBy(t token, bits int) *RefusalError {
	return &RefusalError{
		Module: t.path, Manufacturer: strings.TrimSpace(t.info.ManufacturerID), Token: t.info.Label,
		Key: t.brief.With("object", n.Label), Bits: bits,
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
// is the module's, which tpm2-pkcs11 has one of for whatever the TPM said, and refusing what author's
// refuses has found out.
func (n newKey) orNotMade(refused *RefusalError, err, answer error, refusing uint) error {
	isLong := refused.isLong()
	unclear := n.Decrypts && isLong && rv.Is(answer, pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_FUNCTION_FAILED, pkcs11.CKR_DEVICE_ERROR)
	if !unclear && refusing == 0 && (!rv.IsRefusal(err) || rv.Is(answer, pkcs11.CKR_DEVICE_MEMORY)) {
		return err
	}
	refused.Protected = rv.IsProtected(err)
	refused.Shorter = isLong && (unclear || rv.Is(answer, pkcs11.CKR_KEY_SIZE_RANGE, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID))
	refused.Err = fmt.Errorf("%w: %w", ErrNotMade, err)
	switch {
	case refusing != 0:
		refused.Err = fmt.Errorf("%w; it refuses %s", refused.Err, attribute.InWords(attribute.Only(n.Told(), refusing)))
	case !refused.Shorter && rv.Is(answer, rv.AboutTemplates...):
		refused.Err = fmt.Errorf("%w; what was asked of it: %s", refused.Err, attribute.InWords(attribute.Only(n.Told(), attribute.Refusable...)))
	}
	return refused
}

// isLong reports whether the key has more bits than each token makes.
func (e *RefusalError) isLong() bool { return e.Bits > everywhere }

// orNotTaken adds to the error that a key is not taken what its maker's tool needs.
func (e *RefusalError) orNotTaken(err error) error {
	if e.Protected = rv.IsProtected(err); e.Protected {
		err = fmt.Errorf("%w: %w", ErrNoImport, err)
	}
	if !errors.Is(err, ErrNoImport) {
		return err
	}
	e.Err = err
	return e
}
