package policycheck

// Whether policies allow all that a rule would. Rules are compared by what they allow, and not
// by how they are written: a rule is tried with all calls that it is about.

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// ruleForm is what rules about things look like: the thing, its list, and where it is.
var ruleForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\s*\w+\s+(process|import|export|action|file)\s+(` + reference + `)\s+in\s+model\s+(` + reference + `)(?:\s+in\s+workspace\s+(` + reference + `))?\s*$`)
})

// reference is a name in quotation marks, or an id.
const reference = `"(?:[^"\\]|\\.)*"|[^\s"]+`

// ruleScope is what a rule is about: names, and the ids that stand for them.
type ruleScope struct {
	list                    string // "": no thing
	thing, model, workspace string // ids
	names                   map[string]string
}

// Ids that nobody has. They stand for what a rule has a name for, or says nothing about.
const (
	anyThing     = "999999999999999"
	anyModel     = "0123456789ABCDEF0123456789ABCDEF"
	anyWorkspace = "fedcba9876543210fedcba9876543210"
	anySegment   = "any-segment-there-is"
)

// Name implements policy.Names: things are called what the rule calls them.
func (s *ruleScope) Name(_ context.Context, kind, _, _, id string) (string, error) {
	return s.names[kind+" "+strings.ToLower(id)], nil
}

// scopeOf reads a rule, which is known to be one.
func scopeOf(rule string) *ruleScope {
	s := &ruleScope{thing: anyThing, model: anyModel, workspace: anyWorkspace, names: map[string]string{}}
	parts := ruleForm().FindStringSubmatch(rule)
	if parts == nil {
		return s
	}
	s.list = listOf(parts[1])
	for _, part := range []struct {
		list string
		id   *string
		text string
	}{{s.list, &s.thing, parts[2]}, {"models", &s.model, parts[3]}, {"workspaces", &s.workspace, parts[4]}} {
		switch {
		case part.text == "":
		case part.text[0] == '"':
			s.names[part.list+" "+strings.ToLower(*part.id)] = unquoted(part.text)
		default:
			*part.id = part.text
		}
	}
	return s
}

// listOf returns the list of a thing's word.
func listOf(word string) string {
	if word == "process" {
		return "processes"
	}
	return word + "s"
}

// unquoted returns a name as it is without its quotation marks.
func unquoted(text string) string {
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(text[1 : len(text)-1])
}

// beneath are all paths beneath a thing that any rule about things is about.
var beneath = []string{
	"", "/tasks", "/tasks/0", "/tasks/0/dump", "/tasks/0/dump/chunks", "/tasks/0/dump/chunks/0",
	"/tasks/0/dumps/0", "/tasks/0/dumps/0/chunks", "/tasks/0/dumps/0/chunks/0", "/chunks", "/chunks/0", "/complete",
}

// paths returns paths that the rule may be about, and others.
func (s *ruleScope) paths(rule string) (paths []string) {
	words := strings.Fields(rule)
	if last := words[len(words)-1]; len(words) == 2 && strings.HasPrefix(last, "/") {
		return patternPaths(last)
	}
	ways := []string{"/2/0/workspaces/" + s.workspace + "/models/" + s.model, "/2/0/models/" + s.model}
	if s.list == "" { // the rule list
		paths = []string{"/2/0/users/me", "/2/0/workspaces", "/2/0/workspaces/" + s.workspace, "/2/0/workspaces/" + s.workspace + "/models", "/2/0/models"}
		for _, way := range ways {
			paths = append(paths, way)
			for _, list := range lists[2:] {
				paths = append(paths, way+"/"+list)
			}
		}
		return paths
	}
	for _, way := range ways {
		for _, list := range slices.Compact([]string{s.list, "files"}) { // an export has its file
			for _, below := range beneath {
				paths = append(paths, way+"/"+list+"/"+s.thing+below)
			}
		}
	}
	return paths
}

// patternPaths returns paths that fit a pattern, with segments that no rule names where it
// has wildcards: only a wildcard fits them.
func patternPaths(pattern string) []string {
	pattern, rest := strings.CutSuffix(pattern, "/**")
	segments := strings.Split(pattern, "/")
	for i, segment := range segments {
		if segment == "*" {
			segments[i] = anySegment
		}
	}
	paths := []string{strings.Join(segments, "/")}
	for n := len(segments); rest && n <= 64; n++ { // as many as a path may have
		paths = append(paths, paths[len(paths)-1]+"/"+anySegment)
	}
	return paths
}

// ruleCall is a call that a rule allows.
type ruleCall struct {
	method string
	path   policy.Path
}

// calls returns the calls that a rule allows, one of each kind.
func (s *ruleScope) calls(ctx context.Context, rule string, parsed *policy.Policy) (calls []ruleCall) {
	for _, text := range s.paths(rule) {
		path, err := policy.ParsePath(text)
		if err != nil {
			continue
		}
		for _, method := range callMethods {
			if decision, err := parsed.Decide(ctx, method, path, s); err == nil && decision.Allowed {
				calls = append(calls, ruleCall{method, path})
			}
		}
	}
	return calls
}

// Rule prints which policies allow all that a rule would; errNotAllowed if one does not.
func (c *policyCheck) Rule(ctx context.Context, rule string) error {
	parsed, err := policy.Parse([]string{rule})
	if err != nil {
		problem := agent.Problemf(agent.CodeBadRequest, "%v", err)
		problem.Hints = []string{build.Program + " policy --help shows the rules"}
		return problem
	}
	if len(c.policies) == 0 {
		return console.PrintResult(fmt.Sprintf("allowed: profile %s has no policy\n", c.as.Profile))
	}
	var text strings.Builder
	refused := &NotAllowedError{what: console.OneLine(rule)}
	for _, p := range c.policies {
		allowed, err := c.covers(ctx, p, rule, parsed)
		switch {
		case err != nil:
			return err
		case allowed:
			fmt.Fprintf(&text, "allowed by %s: all of %s\n", p.name, console.OneLine(rule))
		default:
			refused.add(p.name, policy.Decision{Missing: console.OneLine(rule)})
		}
	}
	if len(refused.policies) > 0 {
		return refused
	}
	if len(scopeOf(rule).names) > 0 {
		c.say.Note("whether Anaplan has what the rule names is not looked up; a name that it does not have fits nothing")
	}
	return console.PrintResult(console.Printable(text.String()))
}

// covers reports whether a policy allows all that a rule does. First by the names alone; where
// one has a name for what is an id in the other, Anaplan has to be asked.
func (c *policyCheck) covers(ctx context.Context, p namedPolicy, rule string, parsed *policy.Policy) (bool, error) {
	scope := scopeOf(rule)
	calls := scope.calls(ctx, rule, parsed)
	if len(calls) == 0 {
		return false, fmt.Errorf("the rule %s allows no call that could be tried; try one: %s policy check METHOD PATH", console.OneLine(rule), build.Program)
	}
	lacking := allows(ctx, p, calls, scope)
	if lacking == nil || !mixesIDs(scope, p, lacking) {
		return lacking == nil, nil
	}
	ways, why, err := c.ways()
	if err != nil {
		return false, err
	}
	if len(ways) == 0 {
		return false, cannotTellRule(rule, p.name, why)
	}
	if err := c.resolve(scope, ways); err != nil {
		return false, err
	}
	names := catalogs{integration.NewCatalog(ways[0]), integration.NewCatalog(ways[1])}
	ours := scope.calls(ctx, rule, parsed)
	return allows(c.asking.Ctx, p, ours, names) == nil, nil
}

// allows returns nil if a policy allows all calls, else why it does not allow one.
func allows(ctx context.Context, p namedPolicy, calls []ruleCall, names policy.Names) *policy.Decision {
	for _, call := range calls {
		decision, err := p.Decide(ctx, call.method, call.path, names)
		if err != nil || !decision.Allowed {
			return &decision
		}
	}
	return nil
}

// idInRule finds ids in rules.
var idInRule = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(^|[\s/])([0-9]{6,}|[0-9A-Fa-f]{32})($|[\s/])`)
})

// mixesIDs reports whether a rule and a policy may mean the same by an id and a name.
func mixesIDs(scope *ruleScope, p namedPolicy, lacking *policy.Decision) bool {
	if len(scope.names) > 0 && slices.ContainsFunc(p.Rules(), idInRule().MatchString) {
		return true
	}
	byID := scope.list == "" || scope.thing != anyThing || scope.model != anyModel || scope.workspace != anyWorkspace
	return byID && len(lacking.Unless) > 0
}

// resolve puts the ids of what a rule is about into its scope, and of the workspace, too, which
// is in paths even where it is not in the rule.
func (c *policyCheck) resolve(scope *ruleScope, ways []*integration.Client) error {
	if scope.list == "" {
		return nil
	}
	var err error
	for _, way := range ways {
		if err = resolveBy(c.asking.Ctx, way, scope); err == nil {
			return nil
		}
	}
	return (&agentclient.API{As: c.as}).InWords(err)
}

// resolveBy is resolve by one way.
func resolveBy(ctx context.Context, way *integration.Client, scope *ruleScope) error {
	name := func(list, id string) string {
		if name := scope.names[list+" "+strings.ToLower(id)]; name != "" {
			return name
		}
		return id
	}
	workspace := ""
	if scope.workspace != anyWorkspace || scope.names["workspaces "+anyWorkspace] != "" {
		workspace = name("workspaces", scope.workspace)
	}
	model, err := way.FindModel(ctx, name("models", scope.model), workspace)
	if err != nil {
		return err
	}
	thing, err := way.FindThing(ctx, model, integration.Kind(scope.list), name(scope.list, scope.thing))
	if err != nil {
		return err
	}
	was := *scope
	scope.thing, scope.model, scope.names = thing.ID, model.ID, map[string]string{}
	if model.Workspace.ID != "" {
		scope.workspace = model.Workspace.ID
	}
	for _, pair := range [][3]string{{scope.list, was.thing, scope.thing}, {"models", was.model, scope.model}, {"workspaces", was.workspace, scope.workspace}} {
		if name := was.names[pair[0]+" "+strings.ToLower(pair[1])]; name != "" {
			scope.names[pair[0]+" "+strings.ToLower(pair[2])] = name
		}
	}
	return nil
}

// cannotTellRule is cannotTell for a rule.
func cannotTellRule(rule, policy, why string) error {
	problem := agent.Problemf(agent.CodeUnreachable, "cannot tell: whether %s allows all of %s only Anaplan knows, for one has a name where the other has an id (%s)", policy, console.OneLine(rule), why)
	problem.Human = true
	if why == agentclient.NoAgent {
		problem.Hints = []string{"start the agent: " + build.Program + " serve"}
	}
	return problem
}
