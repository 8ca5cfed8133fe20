package agentclient

import (
	"errors"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
)

// MayNot replaces a policy's refusal by what this caller may not do, and the rule that would allow it.
func (c *API) MayNot(err error, what, rule string) error {
	refusal, ok := errors.AsType[*integration.APIError](err)
	if !ok || refusal.Code != agent.CodeNotAllowed || !strings.Contains(refusal.Message, " no rule for ") {
		return err
	}
	who := "profile " + c.As.Profile
	if c.As.Client != "" {
		who = "client " + c.As.Client
	}
	problem := agent.Problemf(agent.CodeNotAllowed, "%s may not %s: %s", who, what, refusal.Message)
	problem.Hints = []string{"this rule would allow it: " + rule}
	return problem
}
