package main

// What a policy allows, tried without doing it.

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/spf13/cobra"
)

const policyHelp = `A policy is a list of rules, in a profile or a client of the agent's configuration. A call
that no rule allows is refused. Rules are

  list                                             see what there is
  run process "Nightly load" in model "Plan"       start it, see how it goes; also import, action
  run export "Report.csv" in model "Plan"          the same, and fetch the result
  upload file "Sales.csv" in model "Plan"
  download file "Report.csv" in model "Plan"
  GET /2/0/workspaces/*/models                     any method and path; * is one segment,
  GET,POST /2/0/models/08B4AFAF/**                 and ** at the end any number

Names stand in quotation marks, ids without; in workspace "Finance" can follow.`

const policyCheckHelp = `check says whether the policy of the profile, and that of a client, allow a call, and by which
rule; or which rule is missing. Nothing is called; but if an agent runs, it is asked what
the ids in the path are called, where a rule has a name.

  anaplan-agent policy check --client nightly POST /2/0/workspaces/8a81/models/08B4/processes/118000000001/tasks

It exits with 0 if the call is allowed, with 1 if it is not.`

// newPolicyCommand returns the policy command.
func newPolicyCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "see what the agent's policies allow",
		Long:  policyHelp,
		Args:  cobra.ArbitraryArgs, // so that a wrong word reaches RunE and its own words
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("unknown command %q", "policy "+args[0]), cmd.CommandPath()}
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newPolicyCheckCommand(say))
	return cmd
}

// newPolicyCheckCommand returns the check command of policy.
func newPolicyCheckCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check METHOD PATH",
		Short: "say whether a call is allowed, and by which rule",
		Long:  policyCheckHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return &usageError{errors.New("give a method and a path, as: policy check GET /2/0/models"), cmd.CommandPath()}
			}
			return nil
		},
	}
	settings := addSettings(cmd, socketSettings)
	client := cmd.Flags().String("client", "", "whose policy, beside the profile's: a [client.NAME] of the configuration")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		check, err := newPolicyCheck(settings, *client)
		if err != nil {
			return err
		}
		return check.run(cmd.Context(), settings, say, strings.ToUpper(args[0]), args[1])
	}
	return cmd
}

// policyCheck is the policies that count for a call.
type policyCheck struct {
	as       local.As
	policies []namedPolicy
}

type namedPolicy struct {
	name string
	*policy.Policy
}

// newPolicyCheck reads the configuration as the agent does.
func newPolicyCheck(settings *settings, client string) (*policyCheck, error) {
	loaded, err := loadAll(settings)
	if err != nil {
		return nil, err
	}
	check := &policyCheck{as: local.As{Profile: settings.profileName(), Client: client}}
	if client != "" {
		c := loaded.client(client)
		if c == nil {
			return nil, fmt.Errorf("%w: there is no [client.%s] in the configuration", errSettings, client)
		}
		check.as.Profile = c.Profile
		rules, err := policy.Parse(c.Policy)
		if err != nil {
			return nil, fmt.Errorf("%w: client %q: policy: %w", errSettings, client, err)
		}
		check.policies = append(check.policies, namedPolicy{"the policy of client " + client, rules})
	}
	profile := loaded.profile(check.as.Profile)
	if profile == nil {
		return nil, fmt.Errorf("%w: there is no profile %q in the configuration", errSettings, check.as.Profile)
	}
	rules, err := newPolicy(profile)
	if rules != nil {
		check.policies = append(check.policies, namedPolicy{"the policy of profile " + profile.Name, rules})
	}
	return check, err
}

// errNotAllowed says that a policy does not allow a call.
var errNotAllowed = errors.New("not allowed")

// run prints what allows a call; errNotAllowed if something does not.
func (c *policyCheck) run(ctx context.Context, settings *settings, say *messenger, method, target string) error {
	path, err := policy.ParsePath(pathOf(target))
	if err != nil {
		return fmt.Errorf("%w: the path is refused before any policy: %w", errNotAllowed, err)
	}
	if len(c.policies) == 0 {
		return printResult(fmt.Sprintf("allowed: profile %s has no policy\n", c.as.Profile))
	}
	var text strings.Builder
	for _, p := range c.policies {
		decision, err := p.Decide(ctx, method, path, nil)
		if err == nil && !decision.Allowed && len(decision.Unless) > 0 {
			decision, err = c.decideByNames(ctx, settings, say, p, method, path)
		}
		if err != nil {
			return err
		}
		if !decision.Allowed {
			return &notAllowedError{p.name, method, path.String(), decision}
		}
		fmt.Fprintf(&text, "allowed by %s: %s\n", p.name, decision.Rule)
	}
	return printResult(printable(text.String()))
}

// decideByNames decides with what Anaplan says that the ids are called, if an agent runs.
func (c *policyCheck) decideByNames(ctx context.Context, settings *settings, say *messenger, p namedPolicy, method string, path policy.Path) (policy.Decision, error) {
	asking, err := settings.askAgent(say)
	if err != nil {
		return policy.Decision{}, err
	}
	if asking == nil {
		say.note("no agent runs, so nobody can be asked what the ids are called")
		return p.Decide(ctx, method, path, nil)
	}
	defer asking.end()
	if err := asking.prepare(); err != nil {
		return policy.Decision{}, err
	}
	names := integration.NewCatalog(newAPIClient(agentURL, asking.client.Transport(local.As{Profile: c.as.Profile})))
	return p.Decide(asking.ctx, method, path, names)
}

// agentURL stands for the agent where it is called on its socket.
const agentURL = "http://" + program

// notAllowedError says which policy does not allow a call, and what is missing in it.
type notAllowedError struct {
	policy, method, path string
	decision             policy.Decision
}

// Error implements error.
func (e *notAllowedError) Error() string {
	return fmt.Sprintf("not allowed: %s has no rule for %s %s", e.policy, e.method, e.path)
}

// Is makes it an errNotAllowed.
func (e *notAllowedError) Is(target error) bool { return target == errNotAllowed }

// pathOf returns the path of what a person has copied: a path, or a URL.
func pathOf(target string) string {
	target, _, _ = strings.Cut(target, "?")
	if strings.HasPrefix(target, "/") {
		return target
	}
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		return u.EscapedPath()
	}
	return target
}
