package tasks

// What a policy refuses, in the words of a rule.

import (
	"errors"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// refused says what this command may not do if a policy refused a call: in the words of a rule,
// with the names that the person has given.
func (r *Task) refused(err error, verb string, thing integration.Thing) error {
	what := verb + " " + thing.Kind.One() + " " + console.QuotedName(thing.Name, thing.ID) + " in model " + console.QuotedName(thing.Model.Name, thing.Model.ID)
	return r.mayNot(err, what, what)
}

// unseen is refused for what is looked for by its name.
func (r *Task) unseen(err error) error {
	return r.mayNot(err, "see what there is, to find things by their names", "list")
}

// mayNot replaces a policy's refusal.
func (r *Task) mayNot(err error, what, rule string) error {
	refusal, ok := errors.AsType[*integration.APIError](err)
	if !ok || refusal.Code != agent.CodeNotAllowed || !strings.Contains(refusal.Message, " no rule for ") {
		return err
	}
	who := "profile " + r.As.Profile
	if r.As.Client != "" {
		who = "client " + r.As.Client
	}
	problem := agent.Problemf(agent.CodeNotAllowed, "%s may not %s: %s", who, what, refusal.Message)
	problem.Hints = []string{"this rule would allow it: " + rule}
	return problem
}
