// Package hardware has what tokens and cards have in common, said once: packages hsm and piv return
// it, and their callers need not ask which. It knows neither of them, nor Anaplan.
//
//	if errors.Is(err, hardware.ErrNoKey) {
//		// on whichever device
//	}
package hardware
