package tasks

// What a policy refuses, in the words of a rule.

import (
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// refused says what this command may not do if a policy refused a call: in the words of a rule,
// with the names that the person has given.
func (r *Task) refused(err error, verb string, thing integration.Thing) error {
	what := verb + " " + thing.Kind.One() + " " + console.QuotedName(thing.Name, thing.ID) + " in model " + console.QuotedName(thing.Model.Name, thing.Model.ID)
	return r.MayNot(err, what, what)
}

// unseen is refused for what is looked for by its name.
func (r *Task) unseen(err error) error {
	return r.MayNot(err, "see what there is, to find things by their names", "list")
}
