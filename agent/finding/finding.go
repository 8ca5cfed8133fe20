// Package finding has the form in which checks tell what they have found: doctor those of a
// set-up, certlint those of a certificate.
//
//	for _, f := range certlint.Check(certificate, chain, time.Now()) {
//		fmt.Printf("%s: %s\n  %s\n", f.Severity, f.What, f.Do)
//	}
package finding

import "slices"

// Severity is how bad it is.
type Severity string

// Severities, the harmless ones first.
const (
	OK      Severity = "ok"      // it was looked at, and is as it should be
	Info    Severity = "info"    // worth knowing, nothing to do
	Skipped Severity = "skipped" // it could not be looked at; What says why
	Warning Severity = "warning" // it works, or may; somebody should look at it
	Error   Severity = "error"   // it does not work, or will be refused
)

// Finding is one thing that a check has found. Neither text holds a secret.
type Finding struct {
	// Check names what was looked at, as "certificate.email". It does not change from version to
	// version, so that programs can branch on it.
	Check string `json:"check"`

	Severity Severity `json:"severity"`

	// What is one line of what was found.
	What string `json:"what"`

	// Do is one line of what to do about it, best a command to type; "" for OK and where
	// there is nothing to do.
	Do string `json:"do,omitempty"`
}

// Worst returns the worst severity of the findings; OK without any.
func Worst(all []Finding) Severity {
	order := []Severity{OK, Info, Skipped, Warning, Error}
	worst := 0
	for _, f := range all {
		worst = max(worst, slices.Index(order, f.Severity))
	}
	return order[worst]
}
