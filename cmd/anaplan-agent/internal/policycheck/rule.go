package policycheck

// Whether policies allow all that a rule would.

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// Rule prints which policies allow all that a rule would; errNotAllowed if one does not.
func (c *Check) Rule(ctx context.Context, text string) error {
	rule, err := policy.ParseRule(text)
	if err != nil {
		problem := agent.Problemf(agent.CodeBadRequest, "%v", err)
		problem.Hints = []string{build.Program + " policy --help shows the rules"}
		return problem
	}
	if len(c.policies) == 0 {
		return c.allow(fmt.Sprintf("allowed: profile %s has no policy", c.as.Profile))
	}
	var reasons []string
	shown := console.OneLine(text)
	refused := &NotAllowedError{what: shown}
	for _, p := range c.policies {
		allowed, err := c.covers(ctx, p, rule, shown)
		switch {
		case err != nil:
			return err
		case allowed:
			reasons = append(reasons, fmt.Sprintf("allowed by %s: all of %s", p.name, shown))
		default:
			refused.add(p.name, policy.Decision{Missing: shown})
		}
	}
	if len(refused.policies) > 0 {
		return refused
	}
	if about, _ := rule.Object(); about.Named {
		c.say.Note("whether Anaplan has what the rule names is not looked up; a name that it does not have fits nothing")
	}
	return c.allow(strings.Join(reasons, "\n"))
}

// covers reports whether a policy allows all that a rule does. First by the names alone; where
// one has a name for what is an id in the other, Anaplan has to be asked.
func (c *Check) covers(ctx context.Context, p namedPolicy, rule *policy.Rule, shown string) (bool, error) {
	coverage, err := p.Covers(ctx, rule, nil)
	if err != nil || !coverage.Depends {
		return coverage.All, err
	}
	unknown := fmt.Sprintf("%s allows all of %s, since one has a name where the other has an id", p.name, shown)
	ways, why, err := c.ways()
	if err != nil {
		return false, err
	}
	if len(ways) == 0 {
		return false, cannotTell(unknown, why)
	}
	if rule, err = c.resolve(rule, ways); err != nil {
		return false, err
	}
	coverage, err = p.Covers(c.session.Ctx, rule, catalogsOf(ways))
	if refusal, ok := errors.AsType[*integration.APIError](err); ok && refusal.Code == agent.CodeNotAllowed {
		return false, cannotTell(unknown, refusal.Message)
	}
	return coverage.All, err
}

// resolve returns the rule with the ids of what it is about.
func (c *Check) resolve(rule *policy.Rule, ways []*integration.Client) (*policy.Rule, error) {
	about, ok := rule.Object()
	if !ok {
		return rule, nil
	}
	var err error
	for _, way := range ways {
		var thing integration.Thing
		if thing, err = find(c.session.Ctx, way, about); err == nil {
			return rule.WithIDs(thing.ID, thing.Model.ID, thing.Model.Workspace.ID), nil
		}
	}
	return nil, (&agentclient.API{As: c.as}).InWords(err)
}

// find finds what a rule is about.
func find(ctx context.Context, way *integration.Client, about policy.Object) (integration.Thing, error) {
	model, err := way.FindModel(ctx, about.Model, about.Workspace)
	if err != nil {
		return integration.Thing{}, err
	}
	return way.FindThing(ctx, model, integration.Kind(about.List), about.Thing)
}
