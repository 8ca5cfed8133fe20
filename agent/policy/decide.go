package policy

import (
	"context"
	"fmt"
	"slices"
)

// Names tells what ids stand for.
type Names interface {
	// Name returns the name of the thing with this id, written as in the path. kind is the
	// segment of its list: "workspaces", "models", "processes", "imports", "exports", "actions",
	// "files", "lists" or "views". For a model, model is ""; for a workspace, workspace too. Else workspace
	// is "" where the path tells none.
	//
	// Where no other name in its list looks like it, the answer is lookalike.Any of the name: then
	// rules fit that write it in other code points, or with blanks at its ends.
	//
	// "" and no error: there is no such id in that workspace and model, or its name is not
	// the only one of that text in its list, and then it names nothing.
	Name(ctx context.Context, kind, workspace, model, id string) (name string, err error)
}

// Policy is a list of rules. The zero Policy, and nil, allow nothing. It never changes,
// and any number of goroutines may use it.
type Policy struct {
	rules []string
	tries [len(methodNames)]*node
}

// Decision is the answer to one request.
type Decision struct {
	Allowed bool

	// Rule is the rule that allows it, as it was written: the first of those that ask for
	// no name here, or else one that does.
	Rule string

	// Missing, where it is not allowed, is a rule that would allow it. "" if none can, as for a
	// method that no rule may name.
	Missing string

	// Unless, where it is not allowed, are the things that rules name and which would make it
	// allowed, if the ids in the path stood for them: `process "Nightly load" in model "Plan"`.
	// They may be the Policy's own, not to be changed.
	Unless []string
}

// Hints say what would allow it, for the caller that was refused.
func (d Decision) Hints() (hints []string) {
	if len(d.Unless) > 0 {
		hints = append(hints, "there is a rule for "+d.Unless[0]+", but that is not what the path leads to")
	}
	if d.Missing != "" {
		hints = append(hints, "this rule would allow it: "+d.Missing)
	}
	return hints
}

// Rules returns the rules as they were written.
func (p *Policy) Rules() []string {
	if p == nil {
		return nil
	}
	return slices.Clone(p.rules)
}

// Decide says whether a request is allowed. ctx governs the look-up of names, which
// may be nil: then no rule with names allows anything.
//
// The error says that a name could not be looked up, and that nothing else allows the request;
// the Decision is then a refusal, to be told as one that may not last.
func (p *Policy) Decide(ctx context.Context, method string, path Path, names Names) (Decision, error) {
	at := slices.Index(methodNames[:], method)
	// A Path that ParsePath did not make has not been checked: ** must not take it.
	if p == nil || at < 0 || path.text == "" {
		return Decision{}, nil
	}
	if r := p.tries[at].find(path.keys, nil); r != nil {
		return Decision{Allowed: true, Rule: r.text}, nil
	}
	// Only now names, which may cost requests of their own.
	branches := p.tries[at].fitting(path.keys, nil)
	r, err := askFor(ctx, branches, path, names)
	if r != nil {
		return Decision{Allowed: true, Rule: r.text}, nil
	}
	return Decision{Missing: missing(method, 1<<at, path), Unless: unless(branches)}, err
}

// add puts what a rule allows into the tries of its methods.
func (p *Policy) add(r *rule, routes []route) {
	for _, to := range routes {
		for i := range p.tries {
			if to.methods&(1<<i) == 0 {
				continue
			}
			if p.tries[i] == nil {
				p.tries[i] = &node{}
			}
			p.tries[i].add(to.elements, to, r)
		}
	}
}

// askFor returns a rule that the names allow, or nil.
func askFor(ctx context.Context, branches []*branch, path Path, names Names) (*rule, error) {
	if len(branches) == 0 || names == nil {
		return nil, nil
	}
	from, _ := locate(path.segments)
	asked := &answers{names: names, place: from}
	for _, b := range branches {
		if r := asked.follow(ctx, b); r != nil {
			return r, nil
		}
	}
	return nil, asked.err
}

// unless collects what would have been allowed under other names.
func unless(branches []*branch) []string {
	if len(branches) == 1 {
		return slices.Clip(branches[0].lacks) // as nearly always; there may be hundreds
	}
	var all []string
	for _, b := range branches {
		all = append(all, b.lacks...)
	}
	return all
}

// answers are the names that were asked for in one decision.
type answers struct {
	names Names
	place place
	known [slots]answer
	err   error // of the first that could not be looked up
}

// follow goes on from b as far as names lead, and returns the rule at the end.
func (a *answers) follow(ctx context.Context, b *branch) *rule {
	if b.rule != nil {
		return b.rule
	}
	for _, q := range b.asks {
		next := q.names[a.name(ctx, q.slot)]
		if next == nil {
			continue
		}
		if r := a.follow(ctx, next); r != nil {
			return r
		}
	}
	return nil
}

// answer is a name, or that there is none.
type answer struct {
	asked bool
	name  string
}

// name returns the name of the id in a slot, asking once. "", which no rule has, is also for
// one that could not be looked up: another rule may still allow the request without it.
func (a *answers) name(ctx context.Context, at slot) string {
	if known := a.known[at]; known.asked {
		return known.name
	}
	name, err := a.ask(ctx, at)
	if a.err == nil {
		a.err = err
	}
	a.known[at] = answer{true, name}
	return name
}

// ask looks up the name of the id in a slot.
func (a *answers) ask(ctx context.Context, at slot) (string, error) {
	p := a.place
	kind, workspace, model, id := p.list, p.workspace, p.model, p.id
	switch at {
	case workspaceSlot:
		kind, workspace, model, id = "workspaces", "", "", p.workspace
	case modelSlot: // whatever the workspace in the path: the client has chosen it
		kind, workspace, model, id = "models", "", "", p.model
	case innerModelSlot:
		kind, model, id = "models", "", p.model
	case exportSlot:
		kind = "exports"
	}
	name, err := a.names.Name(ctx, kind, workspace, model, id)
	if err != nil {
		return "", fmt.Errorf("looking up the name of %s in %s: %w", excerpt(id), kind, err)
	}
	return name, nil
}
