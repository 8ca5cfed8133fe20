package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// RuleError is a mistake in a rule. It says what the rule is, which a tenant may not want to
// share.
type RuleError struct {
	Number  int // of the rule, from 1
	Rule    string
	Column  int // from 1, in characters
	Message string
}

func (e *RuleError) Error() string {
	return fmt.Sprintf("rule %d, %s, column %d: %s", e.Number, excerpt(e.Rule), e.Column, e.Message)
}

// Parse reads rules. None allow nothing. Errors are a *RuleError: they name the rule, the place
// in it and the remedy.
func Parse(rules []string) (*Policy, error) {
	p := &Policy{rules: slices.Clone(rules)}
	for i, text := range rules {
		s := &scanner{text: text}
		s.sound()
		routes, about := s.rule()
		if s.mistake != nil {
			return nil, s.mistake.in(i+1, text)
		}
		r := &rule{index: i, text: text}
		if about.named() {
			r.thing = about.String()
		}
		p.add(r, routes)
	}
	return p, nil
}

// in returns the mistake as that of a rule.
func (m *mistake) in(number int, rule string) *RuleError {
	return &RuleError{number, rule, utf8.RuneCountInString(rule[:m.at]) + 1, m.text}
}

// rule reads the whole rule. about is what one with a verb is about.
func (s *scanner) rule() (routes []route, about object) {
	first := s.word()
	if first.text == "list" {
		s.end("list stands alone")
		return listing(), object{}
	}
	for _, verb := range verbs {
		if first.text == verb.word {
			return s.object(verb)
		}
	}
	return []route{s.pattern(s.methods(first))}, object{}
}

// object reads what follows a verb.
func (s *scanner) object(verb verb) ([]route, object) {
	o := object{thing: s.thing(verb)}
	o.id = s.reference(o.thing.word)
	s.expect(`in model "NAME"`, "in", "model")
	o.model = s.reference("model")
	if s.skip() {
		s.expect(`in workspace "NAME", or nothing more`, "in", "workspace")
		o.workspace = s.reference("workspace")
	}
	s.end("a rule has one workspace, and ends with it")
	return o.routes(), o
}

// thing reads the word for what the verb is about.
func (s *scanner) thing(verb verb) thing {
	w := s.word()
	var words []string
	for _, thing := range verb.things {
		if w.text == thing.word {
			return thing
		}
		words = append(words, thing.word)
	}
	s.unexpected(w, strings.Join(words, " or "), words...)
	return thing{}
}

// methods reads the first word of a rule with a path.
func (s *scanner) methods(w word) methods {
	switch {
	case w.text == "":
		s.fail(w.at, "the rule is empty; remove it, or write one as GET /2/0/workspaces")
	case w.text[0] == '/':
		s.fail(w.at, "the path has no methods before it; write GET, or others, or * for all")
	case w.text == "*":
		return every
	}
	var set methods
	for name := range strings.SplitSeq(w.text, ",") {
		set |= s.method(word{name, w.at})
		w.at += len(name) + len(",")
	}
	return set
}

// method reads one method. What is not one may also be meant for a verb.
func (s *scanner) method(w word) methods {
	switch i := slices.Index(methodNames[:], w.text); {
	case w.text == "GET":
		return read
	case i >= 0:
		return 1 << i
	case w.text == "":
		s.fail(w.at, "there is no method at the comma; write methods as GET,HEAD without blanks")
	}
	words := slices.Concat(methodNames[:], []string{"list"})
	for _, verb := range verbs {
		words = append(words, verb.word)
	}
	s.unexpected(w, "* alone for all methods, or "+strings.Join(words, ", "), words...)
	return 0
}

// pattern reads the path of a rule with methods.
func (s *scanner) pattern(set methods) route {
	w := s.word()
	path, rooted := strings.CutPrefix(w.text, "/")
	switch {
	case w.text == "":
		s.fail(w.at, "there is no path behind the methods; write one as /2/0/workspaces")
	case !rooted:
		s.fail(w.at, "%s does not begin with /; write the path as /2/0/..., without scheme and host, and methods without blanks", excerpt(w.text))
	}
	s.end("the rule ends with its path, in which a blank is written %20")
	r := route{methods: set}
	if s.mistake == nil && path != "" {
		r.elements, r.rest = s.elements(strings.TrimSuffix(path, "/"), w.at+len("/"))
		s.reachable(r.elements, w.at)
	}
	return r
}

// elements reads a path from its first segment on, which stands at the given place.
func (s *scanner) elements(path string, at int) (elements []element, rest bool) {
	for piece := range strings.SplitSeq(path, "/") {
		if rest {
			s.fail(at-len("**/"), "** stands at the end of a path only; write * for each segment that may be any")
		}
		if rest = piece == "**"; !rest {
			elements = append(elements, s.element(piece, at))
		}
		at += len(piece) + len("/")
	}
	return elements, rest
}

// element reads one segment of a path.
func (s *scanner) element(piece string, at int) element {
	if piece == "*" {
		return element{any: true}
	}
	if strings.Contains(piece, "*") {
		s.fail(at, "* stands for whole segments only; write %%2A for the character")
	}
	segment, err := decode(piece)
	if err != nil {
		s.fail(at, "the segment %s %v", excerpt(piece), err)
	}
	return element{key: keyOf(segment)}
}

// reachable refuses a pattern too large for any path: its shortest path must be one.
func (s *scanner) reachable(elements []element, at int) {
	segments := make([]string, len(elements))
	for i, e := range elements {
		segments[i] = e.key
		if e.any {
			segments[i] = "x"
		}
	}
	if s.mistake != nil {
		return
	}
	if _, err := ParsePath(assemble(segments)); err != nil {
		s.fail(at, "%v, and no request's may be", err)
	}
}
