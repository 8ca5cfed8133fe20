package policy

import "slices"

// place is where in a model a path leads.
type place struct {
	workspace string // "": the path tells none
	model     string
	list, id  string
	below     []string
}

// locate reads the path of something in a model, and of the model itself, of which it reports
// false. Paths that rules with names fit are all of these forms.
func locate(segments []string) (place, bool) {
	var p place
	if len(segments) < 2 || segments[0] != "2" || segments[1] != "0" {
		return p, false
	}
	rest := segments[2:]
	if len(rest) >= 2 && rest[0] == "workspaces" {
		p.workspace, rest = rest[1], rest[2:]
	}
	if len(rest) < 2 || rest[0] != "models" {
		return p, false
	}
	p.model = rest[1]
	if len(rest) < 4 {
		return p, false
	}
	p.list, p.id, p.below = rest[2], rest[3], rest[4:]
	return p, true
}

// missing returns a rule that would allow the request: one with a verb if that can, for
// it says to people what it is for.
func missing(name string, method methods, path Path) string {
	if isListing(method, path.segments) {
		return "list" // a search by name goes from list to list
	}
	p, ok := locate(path.segments)
	if !ok || !isID(p.model) || !isID(p.id) {
		return name + " " + path.text
	}
	for _, verb := range verbs {
		if thing, ok := verb.covers(method, p); ok {
			o := object{thing: thing, id: reference{text: p.id}, model: reference{text: p.model}}
			return verb.word + " " + o.String()
		}
	}
	// A * in the path is written %2A there, and is not a wildcard.
	return name + " " + path.text
}

// isListing reports whether a path is that of a list, or of a model's status, which the rule `list`
// is for.
func isListing(method methods, segments []string) bool {
	if len(segments) == 0 {
		return false
	}
	last := segments[len(segments)-1]
	return (isList(last) || last == "status") && slices.ContainsFunc(listing(), func(r route) bool {
		return r.methods&method != 0 &&
			slices.EqualFunc(r.elements, segments, func(e element, segment string) bool { return e.any || e.key == segment })
	})
}

// covers returns the thing at the place, if the verb is for what is asked there.
func (v verb) covers(method methods, p place) (thing, bool) {
	for _, thing := range v.things {
		covers := func(g grant) bool { return g.covers(method, p.below) }
		if thing.list == p.list && slices.ContainsFunc(thing.grants, covers) {
			return thing, true
		}
	}
	return thing{}, false
}
