package policycheck

import (
	"errors"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// answer is what programs get; docs/schema/policy-check.json describes it.
type answer struct {
	Allowed *bool    `json:"allowed,omitempty"` // absent: only Anaplan could tell
	Reason  string   `json:"reason"`
	Rules   []grant  `json:"rules,omitempty"` // that allow it
	Hints   []string `json:"hints,omitempty"` // what would allow it
}

// grant is a rule that allows a call.
type grant struct {
	Policy string `json:"policy"` // "the policy of client nightly"
	Rule   string `json:"rule"`
}

// allow tells that something is allowed, and by which rules.
func (c *Check) allow(reason string, rules ...grant) error {
	if c.JSON {
		allowed := true
		return console.PrintJSON(answer{Allowed: &allowed, Reason: reason, Rules: rules})
	}
	return console.PrintResult(console.Printable(reason) + "\n")
}

// Told returns err after programs have been told why something is not allowed.
func (c *Check) Told(err error) error {
	if err == nil || !c.JSON {
		return err
	}
	told := answer{Reason: err.Error()}
	if errors.Is(err, errNotAllowed) {
		told.Allowed = new(bool)
	}
	if refused, ok := errors.AsType[*NotAllowedError](err); ok {
		told.Hints = refused.Hints
	}
	return errors.Join(err, console.PrintJSON(told))
}
