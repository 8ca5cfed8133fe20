package policy

// Whether a policy allows all that one rule does. Rules are compared by what they allow, and not by
// how they are written: the policy decides on one call of each kind that the rule allows.

import (
	"context"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/lookalike"
)

// Rule is one rule by itself, to be compared with a Policy. It never changes.
type Rule struct {
	routes []route
	object object            // of a rule with a verb
	ids    map[string]string // what stands for any segment, by the list before it
}

// Object is what a rule with a verb is about. Each is an id, or a name without its quotes.
type Object struct {
	List      string // the segment of the thing's list: "processes", ...
	Thing     string
	Model     string
	Workspace string // "": any
	Named     bool   // some of them are names
}

// ParseRule reads one rule. Errors are a *RuleError.
func ParseRule(text string) (*Rule, error) {
	s := &scanner{text: text}
	s.sound()
	routes, about := s.rule()
	if s.mistake != nil {
		return nil, s.mistake.in(1, text)
	}
	return &Rule{routes: routes, object: about}, nil
}

// Object returns what the rule is about; ok is false for one without a verb.
func (r *Rule) Object() (about Object, ok bool) {
	o := r.object
	return Object{List: o.thing.list, Thing: o.id.text, Model: o.model.text, Workspace: o.workspace.text, Named: o.named()}, o.thing.list != ""
}

// WithIDs returns the rule for comparisons that ask for names: these are the ids of what it is about.
// The workspace counts even if the rule has none, for it is in paths; "" if it is not known.
func (r *Rule) WithIDs(thing, model, workspace string) *Rule {
	known := *r
	known.ids = map[string]string{r.object.thing.list: thing, "models": model, "workspaces": workspace}
	if r.object.thing.file != nil {
		known.ids["files"] = thing // an export's file has its id
	}
	return &known
}

// Name implements Names: things are called what the rule calls them.
func (r *Rule) Name(_ context.Context, kind, _, _, _ string) (string, error) {
	for list, ref := range map[string]reference{r.object.thing.list: r.object.id, "models": r.object.model, "workspaces": r.object.workspace} {
		if kind == list && ref.named {
			return lookalike.Any(ref.text), nil
		}
	}
	return "", nil
}

// Coverage is what a Policy allows of what a rule does.
type Coverage struct {
	// All: every call that the rule allows.
	All bool

	// Depends, where it is not all: it may be once names are asked for, since one has a name where the
	// other has an id. See WithIDs.
	Depends bool
}

// Covers tells whether the policy allows all that a rule does. names may be nil: then things are called
// what the rule calls them, and what the rule calls by its id has no name. The error says that a name
// could not be looked up.
func (p *Policy) Covers(ctx context.Context, r *Rule, names Names) (Coverage, error) {
	if names == nil {
		names = r
	}
	for _, to := range r.routes {
		for _, path := range r.paths(to) {
			decision, err := p.allowsEach(ctx, to.methods, path, names)
			if err != nil || !decision.Allowed {
				return Coverage{Depends: r.mayMean(p, decision)}, err
			}
		}
	}
	return Coverage{All: true}, nil
}

// allowsEach returns the first refusal of one of the methods, or else that all are allowed.
func (p *Policy) allowsEach(ctx context.Context, set methods, path Path, names Names) (Decision, error) {
	for i, method := range methodNames {
		if set&(1<<i) == 0 {
			continue
		}
		if decision, err := p.Decide(ctx, method, path, names); err != nil || !decision.Allowed {
			return decision, err
		}
	}
	return Decision{Allowed: true}, nil
}

// anySegment stands where a rule takes any segment. No rule has it, so that only a wildcard fits it.
const anySegment = "\x00"

// paths returns one path of each kind that a route takes: of each length, where it takes any rest.
func (r *Rule) paths(to route) (paths []Path) {
	var segments []string
	for i, e := range to.elements {
		segment := e.key
		if e.any {
			segment = anySegment
			if i > 0 && r.ids[to.elements[i-1].key] != "" {
				segment = r.ids[to.elements[i-1].key]
			}
		}
		segments = append(segments, segment)
	}
	for {
		paths = append(paths, Path{text: assemble(segments), segments: segments, keys: keysOf(segments)})
		if !to.rest || len(segments) >= maxSegments {
			return paths
		}
		segments = append(slices.Clip(segments), anySegment)
	}
}

// mayMean reports whether the rule and the policy may mean the same by an id and a name.
func (r *Rule) mayMean(p *Policy, refused Decision) bool {
	if r.object.named() && p.hasIDs() {
		return true
	}
	o := r.object
	byID := o.thing.list == "" || !o.id.named || !o.model.named || o.workspace != (reference{}) && !o.workspace.named
	return byID && len(refused.Unless) > 0
}

// hasIDs reports whether a rule has the id of something.
func (p *Policy) hasIDs() bool {
	return slices.ContainsFunc(p.Rules(), func(text string) bool {
		routes, _ := (&scanner{text: text}).rule()
		return slices.ContainsFunc(routes, route.hasID)
	})
}

func (r route) hasID() bool {
	for i := 1; i < len(r.elements); i++ {
		if e := r.elements[i]; !e.any && isID(e.key) && isList(r.elements[i-1].key) {
			return true
		}
	}
	return false
}
