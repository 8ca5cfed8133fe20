package policy

import (
	"cmp"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/lookalike"
)

// node is where some routes stand after the same elements. A nil node has none.
type node struct {
	literals []edge // by key; no map, as nearly all nodes have one or two
	any      *node
	here     *rule   // the first written of those that end here
	rest     *rule   // the first written of those that take any rest from here
	named    *branch // those that end here if names are as they must be
	asks     bool    // some node from here on has named
}

// edge leads to the node behind a segment.
type edge struct {
	key string
	to  *node
}

// add puts a route of a rule below n.
func (n *node) add(elements []element, to route, r *rule) {
	n.asks = n.asks || len(to.asks) > 0
	if len(elements) > 0 {
		n.child(elements[0]).add(elements[1:], to, r)
		return
	}
	switch {
	case len(to.asks) > 0:
		if n.named == nil {
			n.named = &branch{}
		}
		n.named.add(to.asks, r)
	case to.rest:
		n.rest = earlier(n.rest, r)
	default:
		n.here = earlier(n.here, r)
	}
}

// child returns the node behind an element, made if there is none.
func (n *node) child(e element) *node {
	if e.any {
		if n.any == nil {
			n.any = &node{}
		}
		return n.any
	}
	at, ok := slices.BinarySearchFunc(n.literals, e.key, edge.compare)
	if !ok {
		n.literals = slices.Insert(n.literals, at, edge{e.key, &node{}})
	}
	return n.literals[at].to
}

func (e edge) compare(key string) int { return cmp.Compare(e.key, key) }

// literal returns the node behind a segment, or nil.
func (n *node) literal(key string) *node {
	if at, ok := slices.BinarySearchFunc(n.literals, key, edge.compare); ok {
		return n.literals[at].to
	}
	return nil
}

// find returns the first written rule without names that allows the path, or best if
// that was written earlier. Each node is looked at once at most.
func (n *node) find(keys []string, best *rule) *rule {
	if n == nil {
		return best
	}
	best = earlier(best, n.rest)
	if len(keys) == 0 {
		return earlier(best, n.here)
	}
	best = n.literal(keys[0]).find(keys[1:], best)
	return n.any.find(keys[1:], best)
}

// fitting adds to found the branches of all rules with names that fit the path. More literal
// ones come first: they ask for less.
func (n *node) fitting(keys []string, found []*branch) []*branch {
	switch {
	case n == nil || !n.asks:
		return found
	case len(keys) > 0:
		found = n.literal(keys[0]).fitting(keys[1:], found)
		return n.any.fitting(keys[1:], found)
	case n.named != nil:
		return append(found, n.named)
	}
	return found
}

// earlier returns the rule that was written first. nil: there is none.
func earlier(a, b *rule) *rule {
	if a == nil || b != nil && b.index < a.index {
		return b
	}
	return a
}

// branch is what is left to ask for, once the path fits and some names are as they must be.
// At a rule's end, it is the rule.
type branch struct {
	rule  *rule
	asks  []*question
	lacks []string // in the first branch: all that its rules name
}

// question is one id whose name decides how it goes on.
type question struct {
	slot  slot
	names map[string]*branch
}

// add puts a rule behind its conditions. Another rule may be about the same things; the first
// written stands for both.
func (b *branch) add(asks []ask, r *rule) {
	if b.insert(asks, r) {
		b.lacks = append(b.lacks, r.thing)
	}
}

// insert puts a rule behind each name as it was written, and behind all that look like it: which of
// the two counts is for Names to say. It reports whether the rule stands anywhere.
func (b *branch) insert(asks []ask, r *rule) (stands bool) {
	if len(asks) == 0 {
		stands = b.rule == nil
		if stands {
			b.rule = r
		}
		return stands
	}
	q := b.question(asks[0].slot)
	for _, name := range []string{asks[0].name, lookalike.Any(asks[0].name)} {
		stands = q.answer(name).insert(asks[1:], r) || stands
	}
	return stands
}

func (b *branch) question(at slot) *question {
	for _, q := range b.asks {
		if q.slot == at {
			return q
		}
	}
	q := &question{at, map[string]*branch{}}
	b.asks = append(b.asks, q)
	return q
}

func (q *question) answer(name string) *branch {
	if q.names[name] == nil {
		q.names[name] = &branch{}
	}
	return q.names[name]
}
