// Package hardware has what tokens and cards have in common, said once: packages hsm and piv return
// it, and their callers need not ask which. It knows neither of them, nor Anaplan.
//
//	if errors.Is(err, hardware.ErrBadSignature) {
//		// from whichever device
//	}
package hardware

import "errors"

// ErrBadSignature is the error of a signature that the public key of the certificate, or of
// the key itself, does not verify. No such signature leaves hsm or piv.
var ErrBadSignature = errors.New("the device returned a signature that does not verify")
