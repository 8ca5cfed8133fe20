package integration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/lookalike"
	"github.com/anaplan-agent/anaplan-agent/agent/printable"
)

// Kind is a kind of thing: the segment of its list in a path.
type Kind string

// Kinds of things, all but the first two within a model.
const (
	Workspaces Kind = "workspaces"
	Models     Kind = "models"
	Processes  Kind = "processes"
	Imports    Kind = "imports"
	Exports    Kind = "exports"
	Actions    Kind = "actions"
	Files      Kind = "files"
	Lists      Kind = "lists"
	Views      Kind = "views"
)

// One is the word for one thing of the kind.
func (k Kind) One() string {
	if k == Processes {
		return "process"
	}
	return strings.TrimSuffix(string(k), "s")
}

// Workspace is a workspace. Name is "" where it was given by its id and could not be looked up.
type Workspace struct{ ID, Name string }

// Model is a model.
type Model struct {
	ID, Name  string
	Workspace Workspace // zero: not known; the model is found without it
	State     string    // Anaplan's word, as "UNLOCKED" or "ARCHIVED"; "": not known
}

// Thing is something of a model: a process, an import, an export, an action or a file.
type Thing struct {
	Kind     Kind
	ID, Name string
	Model    Model

	// Source is the id of the file that an import reads; "": it reads none, or it is not known.
	Source string
}

// Path is the path of a model.
func (m Model) Path() string {
	if m.Workspace.ID != "" {
		return "/2/0/workspaces/" + m.Workspace.ID + "/models/" + m.ID
	}
	return "/2/0/models/" + m.ID
}

// path is the path of a thing.
func (t Thing) path() string { return t.Model.Path() + "/" + string(t.Kind) + "/" + t.ID }

// String names the thing for people.
func (t Thing) String() string { return named(t.Kind, t.Name, t.ID) }

// File returns the file that an export writes, which has the export's id, or that an import reads.
// ok is false if there is none.
func (t Thing) File() (file Thing, ok bool) {
	file = Thing{Kind: Files, Model: t.Model}
	switch t.Kind {
	case Files:
		return t, true
	case Exports:
		file.ID, file.Name = t.ID, t.Name
	case Imports:
		file.ID = t.Source
	}
	return file, file.ID != ""
}

func named(kind Kind, name, id string) string {
	if name == "" {
		return kind.One() + " " + id
	}
	return kind.One() + " " + quoted(name)
}

// quoted is a name for people, in quotes: with escapes if it is not what it looks like.
func quoted(name string) string {
	if lookalike.Deceives(name) {
		return lookalike.Quote(printable.Cut(name, mostText))
	}
	return fmt.Sprintf("%q", line(name))
}

// NotFoundError says that there is no thing of a name or id.
type NotFoundError struct {
	Kind   Kind
	Wanted string
	Where  string   // "in model \"Plan\"", or ""
	Like   []Match  // what looks like it and has another name; with ids
	Near   []string // names that may be meant, the likeliest first
	There  []string // some of those that there are, where none is near
	More   int      // how many more there are
}

func (e *NotFoundError) Error() string {
	text := fmt.Sprintf("there is no %s %s", e.Kind.One(), quoted(e.Wanted))
	if e.Where != "" {
		text += " " + e.Where
	}
	switch {
	case len(e.Like) > 0:
		return text + fmt.Sprintf("; what looks like it is another name: give the id: %s", matchesIn(e.Like))
	case len(e.Near) > 0:
		return text + "; is it " + strings.Join(quotedNames(e.Near), ", or ") + "?"
	case len(e.There) == 0:
		return text
	}
	text += "; there are " + strings.Join(quotedNames(e.There), ", ")
	if e.More > 0 {
		text += fmt.Sprintf(", and %d more", e.More)
	}
	return text
}

func quotedNames(names []string) []string {
	all := make([]string, len(names))
	for i, shown := range lookalike.Shown(names) {
		if all[i] = quoted(names[i]); shown != names[i] {
			all[i] = printable.Cut(shown, mostText)
		}
	}
	return all
}

// AmbiguousError says that several things have the name.
type AmbiguousError struct {
	Kind    Kind
	Wanted  string
	Matches []Match
}

// Match is one of several things.
type Match struct {
	ID        string
	Name      string    // where it is not the one that is wanted, but looks like it; else ""
	Workspace Workspace // of a model
	State     string    // of a model
}

func (e *AmbiguousError) Error() string {
	remedy := "give the id"
	if e.Kind == Models {
		remedy += " or the workspace"
	}
	like := ""
	if slices.ContainsFunc(e.Matches, func(m Match) bool { return m.Name != "" }) {
		like = "that look like "
	}
	return fmt.Sprintf("there are %d %s %s%s, %s: %s", len(e.Matches), e.Kind, like, quoted(e.Wanted), remedy, matchesIn(e.Matches))
}

// matchesIn names some of several things.
func matchesIn(all []Match) string {
	const shown = 5
	var which []string
	for _, match := range all[:min(len(all), shown)] {
		which = append(which, match.String())
	}
	if len(all) > shown {
		which = append(which, "...")
	}
	return strings.Join(which, ", ")
}

// String is the id, with what tells it from the others.
func (m Match) String() string {
	text := m.ID
	if m.Name != "" {
		text += " is " + lookalike.Quote(m.Name)
	}
	if m.Workspace.ID != "" {
		text += fmt.Sprintf(" in workspace %s", quoted(m.Workspace.Name))
	}
	if m.State == "ARCHIVED" {
		text += " (archived)"
	}
	return text
}

// FindWorkspace returns the workspace of that name or id.
func (c *Client) FindWorkspace(ctx context.Context, wanted string) (Workspace, error) {
	all, err := c.list(ctx, "/2/0/workspaces", string(Workspaces))
	found, err := search{kind: Workspaces, wanted: wanted}.in(all, err)
	return Workspace{string(found.ID), string(found.Name)}, err
}

// FindModel returns the model of that name or id. workspace, a name or an id, narrows where it is
// looked for; "" is everywhere.
func (c *Client) FindModel(ctx context.Context, wanted, workspace string) (Model, error) {
	var within Workspace
	where := ""
	if workspace != "" {
		var err error
		if within, err = c.FindWorkspace(ctx, workspace); err != nil {
			return Model{}, err
		}
		where = "in " + named(Workspaces, within.Name, within.ID)
	}
	all, err := c.list(ctx, "/2/0/models", string(Models))
	if within.ID != "" {
		all = slices.DeleteFunc(all, func(l listed) bool { return !strings.EqualFold(string(l.WorkspaceID), within.ID) })
	}
	found, err := search{kind: Models, wanted: wanted, where: where}.in(all, err)
	if err != nil {
		return Model{}, err
	}
	model := Model{ID: string(found.ID), Name: string(found.Name), State: string(found.State), Workspace: found.workspace()}
	if model.Workspace.ID == "" {
		model.Workspace = within
	}
	return model, nil
}

// workspace is that of a model.
func (l listed) workspace() Workspace {
	if !isID(string(l.WorkspaceID)) {
		return Workspace{}
	}
	return Workspace{string(l.WorkspaceID), string(l.WorkspaceName)}
}

// FindThing returns the thing of that kind and of that name or id.
func (c *Client) FindThing(ctx context.Context, model Model, kind Kind, wanted string) (Thing, error) {
	all, err := c.list(ctx, model.Path()+"/"+string(kind), string(kind))
	where := "in " + named(Models, model.Name, model.ID)
	found, err := search{kind: kind, wanted: wanted, where: where}.in(all, err)
	if err != nil {
		return Thing{}, err
	}
	thing := Thing{Kind: kind, ID: string(found.ID), Name: string(found.Name), Model: model}
	if kind == Imports && isID(string(found.Source)) {
		thing.Source = string(found.Source)
	}
	return thing, nil
}

// search looks for something in a list.
type search struct {
	kind          Kind
	wanted, where string
}

// in returns the one that is wanted. What has the text as its id comes first: an id is what a person
// gives who wants no other, and anybody who may change a model can give a thing the name of another's
// id. err is that of the list: a caller that may not see the list, as by a policy that
// allows running one thing, can still give an id.
func (s search) in(all []listed, err error) (listed, error) {
	refusal, ok := errors.AsType[*APIError](err)
	if ok && refusal.Status == http.StatusForbidden && looksLikeID(s.wanted) {
		return listed{ID: text(s.wanted)}, nil
	}
	if err != nil {
		return listed{}, fmt.Errorf("looking for %s: %w", named(s.kind, s.wanted, ""), err)
	}
	all = usable(all)
	var matches []listed
	if looksLikeID(s.wanted) { // Anaplan writes them in one case, and compares them in it
		matches = filter(all, func(l listed) bool { return strings.EqualFold(string(l.ID), s.wanted) })
	}
	if len(matches) == 0 {
		matches = filter(all, func(l listed) bool { return string(l.Name) == s.wanted })
	}
	if len(matches) == 0 { // none that is written so: one that looks like it
		matches = filter(all, func(l listed) bool { return lookalike.Key(string(l.Name)) == lookalike.Key(s.wanted) })
	}
	switch len(matches) {
	case 0:
		return listed{}, s.notFound(all)
	case 1:
		return matches[0], nil
	}
	return listed{}, s.ambiguous(matches)
}

// mostThere is how many names are told of what there is.
const mostThere = 20

func (s search) notFound(all []listed) error {
	e := &NotFoundError{Kind: s.kind, Wanted: s.wanted, Where: s.where, Near: near(s.wanted, all)}
	e.Like = s.matches(filter(all, func(l listed) bool { return lookalike.Alike(string(l.Name), s.wanted) }))
	if len(e.Like) > 0 || len(e.Near) > 0 {
		return e
	}
	for _, l := range all[:min(len(all), mostThere)] {
		e.There = append(e.There, cmp.Or(string(l.Name), string(l.ID)))
	}
	e.More = len(all) - len(e.There)
	return e
}

func (s search) ambiguous(matches []listed) error {
	return &AmbiguousError{Kind: s.kind, Wanted: s.wanted, Matches: s.matches(matches)}
}

// matches is what is told of each of several things.
func (s search) matches(all []listed) (matches []Match) {
	for _, l := range all {
		match := Match{ID: string(l.ID), Workspace: l.workspace(), State: string(l.State)}
		if string(l.Name) != s.wanted {
			match.Name = string(l.Name)
		}
		matches = append(matches, match)
	}
	return matches
}

// usable drops what has no id that could stand in a path, and what comes twice, as it does
// where a list changes between two pages.
func usable(all []listed) []listed {
	seen := make(map[text]bool, len(all))
	return filter(all, func(l listed) bool {
		fresh := isID(string(l.ID)) && !seen[l.ID]
		seen[l.ID] = true
		return fresh
	})
}

func filter(all []listed, keep func(listed) bool) []listed {
	var kept []listed
	for _, l := range all {
		if keep(l) {
			kept = append(kept, l)
		}
	}
	return kept
}
