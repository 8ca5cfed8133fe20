package policycheck

// What a policy allows, tried without doing it.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// Check is the policies that count for a call.
type Check struct {
	settings *settings.Settings
	say      *console.Messenger
	as       local.As
	policies []namedPolicy
	session  *agentclient.Session // nil: no agent has been asked, or there is none
	nameless bool                 // the path has something else in the place of an id

	JSON bool // what is found is for programs
}

type namedPolicy struct {
	name string
	*policy.Policy
}

// New reads the configuration as the agent does.
func New(s *settings.Settings, say *console.Messenger, client string) (*Check, error) {
	if client != "" && s.ConfigPath() == "" {
		return nil, fmt.Errorf("%w: there is no configuration file, so there is no [client.%s]; one would be %s", settings.ErrSettings, client, settings.ConfigToBe())
	}
	loaded, err := settings.LoadAll(s)
	if err != nil {
		return nil, err
	}
	check := &Check{settings: s, say: say, as: local.As{Profile: s.ProfileName(), Client: client}}
	if client != "" {
		c := loaded.Client(client)
		if c == nil {
			return nil, fmt.Errorf("%w: there is no [client.%s] in the configuration", settings.ErrSettings, client)
		}
		if check.as.Profile, err = agentclient.ProfileFor(s, client); err != nil {
			return nil, err
		}
		rules, err := policy.Parse(c.Policy)
		if err != nil {
			return nil, fmt.Errorf("%w: client %q: policy: %w", settings.ErrSettings, client, err)
		}
		check.policies = append(check.policies, namedPolicy{"the policy of client " + client, rules})
	}
	profile := loaded.Profile(check.as.Profile)
	if profile == nil {
		return nil, fmt.Errorf("%w: there is no profile %q in the configuration", settings.ErrSettings, check.as.Profile)
	}
	rules, err := settings.NewPolicy(profile)
	if rules != nil {
		check.policies = append(check.policies, namedPolicy{"the policy of profile " + profile.Name, rules})
	}
	return check, err
}

// Close ends the conversation with the agent, if there was one.
func (c *Check) Close() {
	if c.session != nil {
		c.session.Close()
	}
}

// NoteAge tells that the agent may have another configuration than the file that is read here.
func (c *Check) NoteAge() {
	session, err := agentclient.Connect(c.settings, c.say)
	if err != nil || session == nil {
		return // it shows where the agent is needed
	}
	defer session.Close()
	path := c.settings.ConfigPath()
	file, err := os.Stat(path)
	if err != nil {
		return
	}
	status, err := session.Client.Status(session.Ctx)
	if err == nil && file.ModTime().After(status.ConfiguredAt) {
		c.say.Note("this is what %s says; the running agent may have an older one: %s reload", path, build.Program)
	}
}

// errNotAllowed says that a policy does not allow a call.
var errNotAllowed = errors.New("not allowed")

// Call prints what allows a call; errNotAllowed if something does not.
func (c *Check) Call(ctx context.Context, method, target string) error {
	if err := agentclient.CheckHost(c.settings, target, c.as.Client); err != nil {
		return err
	}
	path, err := policy.ParsePath(agentclient.PathOf(target))
	if err != nil {
		return fmt.Errorf("%w: the path is refused before any policy: %w", errNotAllowed, err)
	}
	if !slices.Contains(policy.Methods(), method) {
		return fmt.Errorf("%w: the method %s is never forwarded; there are %s", errNotAllowed, console.OneLine(method), strings.Join(policy.Methods(), ", "))
	}
	if server.AnswersForAnaplan(path.String()) {
		return c.allow(fmt.Sprintf("the agent answers %s itself, whatever the policies say", path))
	}
	if !policy.IsAnaplan(path.String()) {
		return fmt.Errorf("%w: %s is never forwarded; only paths that begin with %s are", errNotAllowed, path, policy.Prefixes)
	}
	c.nameless = c.noteNames(path)
	if len(c.policies) == 0 {
		return c.allow(fmt.Sprintf("allowed: profile %s has no policy", c.as.Profile))
	}
	return c.decide(ctx, method, path)
}

// noteNames warns of a name in a path where an id belongs, and reports whether there is one.
func (c *Check) noteNames(path policy.Path) bool {
	for _, item := range path.Items() {
		if !item.IsID {
			c.say.Note("%s is not an id; paths have ids: %s api GET %s lists them", console.QuotedName(item.Text, ""), build.Program, item.List)
			return true
		}
	}
	return false
}

// decide prints which rules allow a call, or returns which policies do not.
func (c *Check) decide(ctx context.Context, method string, path policy.Path) error {
	var reasons []string
	var rules []grant
	refused := &NotAllowedError{what: method + " " + path.String()}
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
			reasons = append(reasons, fmt.Sprintf("allowed by %s: %s", p.name, decision.Rule))
			rules = append(rules, grant{p.name, decision.Rule})
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
	return c.allow(strings.Join(reasons, "\n"), rules...)
}

// decideByNames decides with what Anaplan says that the ids are called, if an agent runs.
func (c *Check) decideByNames(ctx context.Context, p namedPolicy, method string, path policy.Path) (policy.Decision, error) {
	ways, why, err := c.ways()
	if err != nil {
		return policy.Decision{}, err
	}
	if len(ways) == 0 {
		decision, _ := p.Decide(ctx, method, path, nil)
		return decision, cannotTell(isOneOf(path, decision.Unless), why)
	}
	decision, err := p.Decide(c.session.Ctx, method, path, catalogsOf(ways))
	if refusal, ok := errors.AsType[*integration.APIError](err); ok && refusal.Code == agent.CodeNotAllowed {
		return decision, cannotTell(isOneOf(path, decision.Unless), refusal.Message)
	}
	return decision, err
}

// ways returns the ways to ask Anaplan through the agent, as the profile and as the client: either
// may have no rule for it. If Anaplan cannot be asked there are none, and why says the reason.
func (c *Check) ways() (ways []*integration.Client, why string, err error) {
	if c.session == nil {
		session, err := agentclient.Connect(c.settings, c.say)
		if err != nil {
			return nil, "", err
		}
		if session == nil {
			return nil, agentclient.WhyAlone(c.settings), nil
		}
		c.session, session.Profile = session, c.as.Profile
	}
	if err := c.session.Prepare(); err != nil {
		problem, ok := errors.AsType[*agent.Problem](err)
		if ok && agentclient.IsOthers(problem) {
			return nil, problem.Message, nil
		}
		return nil, "", err
	}
	for _, as := range []local.As{{Profile: c.as.Profile}, c.as} {
		ways = append(ways, settings.NewAPIClient(agentclient.AgentURL, c.session.Client.Transport(as)))
	}
	return ways, "", nil
}

// catalogs are asked one after the other, until one may answer.
type catalogs []*integration.Catalog

func catalogsOf(ways []*integration.Client) (all catalogs) {
	for _, way := range ways {
		all = append(all, integration.NewCatalog(way))
	}
	return all
}

// Name implements policy.Names.
func (c catalogs) Name(ctx context.Context, kind, workspace, model, id string) (name string, err error) {
	for _, names := range c {
		if name, err = names.Name(ctx, kind, workspace, model, id); err == nil {
			return name, nil
		}
	}
	return "", err
}

// cannotTell says that only Anaplan knows whether something is so, and why it cannot be asked.
func cannotTell(what, why string) error {
	problem := agent.Problemf(agent.CodeUnreachable, "cannot tell: only Anaplan knows whether %s (%s)", what, why)
	problem.Human = true
	if why == agentclient.NoAgent {
		problem.Hints = []string{"start the agent: " + build.Program + " serve"}
	}
	return problem
}

// isOneOf says that what a path is about, the last id or else all of it, is one of several things.
func isOneOf(path policy.Path, things []string) string {
	const most = 3
	subject, list := path.String(), strings.Join(things[:min(len(things), most)], " or ")
	if items := path.Items(); len(items) > 0 {
		subject = items[len(items)-1].Text
	}
	if len(things) > most {
		list += " or one of others"
	}
	return subject + " is " + list
}

// NotAllowedError says which policies do not allow something, and what is missing in them.
type NotAllowedError struct {
	what     string // "GET /2/0/models", or a rule
	policies []string
	Hints    []string
}

// add adds a policy that does not allow it.
func (e *NotAllowedError) add(name string, decision policy.Decision) {
	e.policies = append(e.policies, name)
	for _, hint := range decision.Hints() {
		if !slices.Contains(e.Hints, hint) {
			e.Hints = append(e.Hints, hint)
		}
	}
}

func (e *NotAllowedError) Error() string {
	have := "has"
	if len(e.policies) > 1 {
		have = "have"
	}
	return fmt.Sprintf("not allowed: %s %s no rule for %s", strings.Join(e.policies, " and "), have, e.what)
}

// Is reports whether target is errNotAllowed.
func (e *NotAllowedError) Is(target error) bool { return target == errNotAllowed }
