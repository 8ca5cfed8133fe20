package main

// What a policy allows, tried without doing it.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
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
rule; or which rule is missing. Nothing is called; but where a rule has a name the agent, if
one runs, is asked what the ids in the path are called.

  M=/2/0/models/6D203BA7549241C7BEE26C93DE987F12
  anaplan-agent policy check --client nightly POST $M/processes/118000000001/tasks
  anaplan-agent policy check --client nightly 'run process "Nightly load" in model "Plan"'

The second form is about all that the rule would allow. It exits with 0 if that is allowed,
with 1 if it is not, and with 3 if nobody could be asked who knows.`

// newPolicyCommand returns the policy command.
func newPolicyCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "see what the agent's policies allow",
		Long:  policyHelp,
		Args:  cobra.ArbitraryArgs, // so that a wrong word reaches RunE and its own words
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return explain.Usagef(cmd.CommandPath(), "unknown command %q", "policy "+args[0])
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
		Use:   "check METHOD PATH | RULE",
		Short: "say whether a call is allowed, and by which rule",
		Long:  policyCheckHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 && (len(args) != 1 || strings.HasPrefix(args[0], "/")) {
				return explain.Usagef(cmd.CommandPath(), "give a method and a path, as: policy check GET /2/0/models; or a rule, in one pair of quotation marks")
			}
			return nil
		},
	}
	settings := addSettings(cmd, socketSettings)
	client := cmd.Flags().String("client", "", "whose policy, beside the profile's: a [client.NAME] of the configuration (default: that of ANAPLAN_AGENT_CLIENT)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		check, err := newPolicyCheck(settings, say, clientOf(cmd, *client))
		if err != nil {
			return err
		}
		defer check.end()
		check.noteAge()
		if len(args) == 1 {
			return check.rule(cmd.Context(), args[0])
		}
		return check.call(cmd.Context(), strings.ToUpper(args[0]), args[1])
	}
	return cmd
}

// policyCheck is the policies that count for a call.
type policyCheck struct {
	settings *settings
	say      *messenger
	as       local.As
	policies []namedPolicy
	asking   *asking // nil: no agent has been asked, or there is none
	nameless bool    // what the path has in the place of an id is none
}

type namedPolicy struct {
	name string
	*policy.Policy
}

// newPolicyCheck reads the configuration as the agent does.
func newPolicyCheck(settings *settings, say *messenger, client string) (*policyCheck, error) {
	if client != "" && settings.configPath() == "" {
		return nil, fmt.Errorf("%w: there is no configuration file, so there is no [client.%s]; one would be %s", errSettings, client, configToBe())
	}
	loaded, err := loadAll(settings)
	if err != nil {
		return nil, err
	}
	check := &policyCheck{settings: settings, say: say, as: local.As{Profile: settings.profileName(), Client: client}}
	if client != "" {
		c := loaded.client(client)
		if c == nil {
			return nil, fmt.Errorf("%w: there is no [client.%s] in the configuration", errSettings, client)
		}
		if check.as.Profile, err = settings.profileFor(client); err != nil {
			return nil, err
		}
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

// end ends the conversation with the agent, if there was one.
func (c *policyCheck) end() {
	if c.asking != nil {
		c.asking.end()
	}
}

// noteAge tells that the agent may have another configuration than the file that is read here.
func (c *policyCheck) noteAge() {
	asking, err := c.settings.askAgent(c.say)
	if err != nil || asking == nil {
		return // it shows where the agent is needed
	}
	defer asking.end()
	path := c.settings.configPath()
	file, err := os.Stat(path)
	if err != nil {
		return
	}
	status, err := asking.client.Status(asking.ctx)
	if err == nil && file.ModTime().After(status.ConfiguredAt) {
		c.say.Note("this is what %s says; the running agent may have an older one: %s reload", path, program)
	}
}

// errNotAllowed says that a policy does not allow a call.
var errNotAllowed = errors.New("not allowed")

// call prints what allows a call; errNotAllowed if something does not.
func (c *policyCheck) call(ctx context.Context, method, target string) error {
	if err := c.settings.checkHost(target, c.as.Client); err != nil {
		return err
	}
	path, err := policy.ParsePath(pathOf(target))
	if err != nil {
		return fmt.Errorf("%w: the path is refused before any policy: %w", errNotAllowed, err)
	}
	if !slices.Contains(callMethods, method) {
		return fmt.Errorf("%w: the method %s is never forwarded; there are %s", errNotAllowed, oneLine(method), strings.Join(callMethods, ", "))
	}
	if slices.Contains(answeredPaths, path.String()) {
		return printResult(fmt.Sprintf("the agent answers %s itself, whatever the policies say\n", path))
	}
	if !isAnaplans(path.String()) {
		return fmt.Errorf("%w: %s is never forwarded; only paths that begin with %s are", errNotAllowed, path, anaplansWords)
	}
	c.nameless = c.noteNames(path)
	if len(c.policies) == 0 {
		return printResult(fmt.Sprintf("allowed: profile %s has no policy\n", c.as.Profile))
	}
	return c.decide(ctx, method, path)
}

// callMethods are those that the agent forwards, as agent/local has them.
var callMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// answeredPaths are those that the agent answers in Anaplan's place, as agent/local has them.
var answeredPaths = []string{"/token/authenticate", "/token/refresh", "/token/validate", "/token/logout"}

// anaplansWords names the beginnings of paths that are Anaplan's, as agent/local has them.
const anaplansWords = "/2/, /1/, /scim/ or /audit/"

// isAnaplans reports whether a path is one that the agent forwards.
func isAnaplans(path string) bool {
	for _, prefix := range []string{"/2/", "/1/", "/scim/", "/audit/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// lists are the segments of a path behind which an id stands.
var lists = []string{"workspaces", "models", "processes", "imports", "exports", "actions", "files"}

// noteNames tells of a name in a path where an id belongs, which has no name then.
func (c *policyCheck) noteNames(path policy.Path) bool {
	segments := path.Segments()
	for i, segment := range segments {
		if i > 0 && slices.Contains(lists, segments[i-1]) && !idForm().MatchString(segment) {
			c.say.Note("%s is not an id; paths have ids: %s api GET %s lists them", quotedName(segment, ""), program, "/"+strings.Join(segments[:i], "/"))
			return true
		}
	}
	return false
}

// idForm is what Anaplan's ids look like.
var idForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([0-9]+|[0-9A-Fa-f]{32})$`)
})

// decide prints which rules allow a call, or returns which policies do not.
func (c *policyCheck) decide(ctx context.Context, method string, path policy.Path) error {
	var text strings.Builder
	refused := &notAllowedError{what: method + " " + path.String()}
	var unknown error
	for _, p := range c.policies {
		decision, err := p.Decide(ctx, method, path, nil)
		if err == nil && !decision.Allowed && len(decision.Unless) > 0 && !c.nameless {
			decision, err = c.decideByNames(ctx, p, method, path)
		}
		switch {
		case err != nil && unknown == nil:
			unknown = err
		case err != nil:
		case decision.Allowed:
			fmt.Fprintf(&text, "allowed by %s: %s\n", p.name, decision.Rule)
		default:
			refused.add(p.name, decision)
		}
	}
	switch {
	case len(refused.policies) > 0: // whatever else there is to know
		return refused
	case unknown != nil:
		return unknown
	}
	return printResult(printable(text.String()))
}

// decideByNames decides with what Anaplan says that the ids are called, if an agent runs.
func (c *policyCheck) decideByNames(ctx context.Context, p namedPolicy, method string, path policy.Path) (policy.Decision, error) {
	names, why, err := c.names()
	if err != nil {
		return policy.Decision{}, err
	}
	if names == nil {
		decision, _ := p.Decide(ctx, method, path, nil)
		return decision, cannotTell(path, decision.Unless, why)
	}
	decision, err := p.Decide(c.asking.ctx, method, path, names)
	if refusal, ok := errors.AsType[*integration.APIError](err); ok && refusal.Code == agent.CodeNotAllowed {
		return decision, cannotTell(path, decision.Unless, refusal.Message)
	}
	return decision, err
}

// names returns who tells what ids are called; nil where nobody can be asked, and why.
func (c *policyCheck) names() (names policy.Names, why string, err error) {
	ways, why, err := c.ways()
	if len(ways) == 0 || err != nil {
		return nil, why, err
	}
	return catalogs{integration.NewCatalog(ways[0]), integration.NewCatalog(ways[1])}, "", nil
}

// ways returns the ways to ask Anaplan through the agent, as the profile and as the client:
// either may have no rule for it. There are none where nobody can be asked, and why.
func (c *policyCheck) ways() (ways []*integration.Client, why string, err error) {
	if c.asking == nil {
		asking, err := c.settings.askAgent(c.say)
		if err != nil {
			return nil, "", err
		}
		if asking == nil {
			return nil, c.settings.whyAlone(), nil
		}
		c.asking, asking.profile = asking, c.as.Profile
	}
	if err := c.asking.prepare(); err != nil {
		problem, ok := errors.AsType[*agent.Problem](err)
		if ok && isOthers(problem) {
			return nil, problem.Message, nil
		}
		return nil, "", err
	}
	for _, as := range []local.As{{Profile: c.as.Profile}, c.as} {
		ways = append(ways, newAPIClient(agentURL, c.asking.client.Transport(as)))
	}
	return ways, "", nil
}

// catalogs are asked one after the other, until one may answer.
type catalogs []policy.Names

// Name implements policy.Names.
func (c catalogs) Name(ctx context.Context, kind, workspace, model, id string) (name string, err error) {
	for _, names := range c {
		if name, err = names.Name(ctx, kind, workspace, model, id); err == nil {
			return name, nil
		}
	}
	return "", err
}

// cannotTell says that it takes Anaplan's word to decide, and nobody could ask for it.
func cannotTell(path policy.Path, unless []string, why string) error {
	const most = 3
	things := strings.Join(unless[:min(len(unless), most)], " or ")
	if len(unless) > most {
		things += " or one of others"
	}
	problem := agent.Problemf(agent.CodeUnreachable, "cannot tell: whether %s is %s only Anaplan knows (%s)", subjectOf(path), things, why)
	problem.Human = true
	if why == noAgent {
		problem.Hints = []string{"start the agent: " + program + " serve"}
	}
	return problem
}

// subjectOf returns the id that a path is about, or else the path.
func subjectOf(path policy.Path) string {
	segments := path.Segments()
	for i := len(segments) - 1; i > 0; i-- {
		if slices.Contains(lists, segments[i-1]) {
			return segments[i]
		}
	}
	return path.String()
}

// agentURL stands for the agent where it is called on its socket.
const agentURL = "http://" + program

// notAllowedError says which policies do not allow something, and what is missing in them.
type notAllowedError struct {
	what     string // "GET /2/0/models", or a rule
	policies []string
	hints    []string
}

// add adds a policy that does not allow it.
func (e *notAllowedError) add(policy string, decision policy.Decision) {
	e.policies = append(e.policies, policy)
	for _, hint := range decision.Hints() {
		if !slices.Contains(e.hints, hint) {
			e.hints = append(e.hints, hint)
		}
	}
}

// Error implements error.
func (e *notAllowedError) Error() string {
	have := "has"
	if len(e.policies) > 1 {
		have = "have"
	}
	return fmt.Sprintf("not allowed: %s %s no rule for %s", strings.Join(e.policies, " and "), have, e.what)
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
