package policy

// What rules allow: each rule is a list of routes, which are put into the tries.

import (
	"slices"
	"strings"
)

// methods is a set of the methods in methodNames, by their places.
type methods uint8

const (
	get methods = 1 << iota
	head
	post
	put
	patch
	del
	every = 1<<iota - 1

	read = get | head // a HEAD is a GET without its body
)

var methodNames = [...]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}

// Methods returns those that rules can allow. No other is forwarded.
func Methods() []string { return slices.Clone(methodNames[:]) }

// rule is one rule as it was written.
type rule struct {
	index int
	text  string
	thing string // of a rule with names: what they name, for Decision.Unless
}

// route is a set of paths that a rule allows some methods on, if names are as they must be.
type route struct {
	methods  methods
	elements []element
	rest     bool  // any further segments may follow
	asks     []ask // from the workspace down, as each may be needed to ask for the next
}

// element fits one segment: any, or the one with this key.
type element struct {
	key string
	any bool
}

// ask is a condition: the id in a slot of the path has to stand for a name.
type ask struct {
	slot slot
	name string
}

// slot is a place in a path where an id stands.
type slot int

const (
	workspaceSlot  slot = iota
	modelSlot           // of a rule that names no workspace: the name must be unique among all models
	innerModelSlot      // of a rule that does: among those of the workspace
	thingSlot
	exportSlot // a file's id, as the id of the export that writes it
	slots
)

// grant is what a verb may do to a thing: methods, on a path below the thing's own.
type grant struct {
	methods methods
	below   string
}

// covers reports whether the grant is for a method on what is below a thing.
func (g grant) covers(method methods, below []string) bool {
	rest := g.below
	for _, segment := range below {
		var want string
		if want, rest, _ = strings.Cut(rest, "/"); want == "" || want != "*" && want != segment {
			return false
		}
	}
	return rest == "" && g.methods&method != 0
}

var (
	running = []grant{
		{read, ""},
		{read | post, "tasks"},
		{read | del, "tasks/*"},
		{read, "tasks/*/dump"},
		{read, "tasks/*/dump/chunks"},
		{read, "tasks/*/dump/chunks/*"},
		{read, "tasks/*/dumps/*"},
		{read, "tasks/*/dumps/*/chunks"},
		{read, "tasks/*/dumps/*/chunks/*"},
	}
	// uploading has the list of chunks, but not what is in them: Anaplan Connect asks which it is to
	// send once it has announced them.
	uploading = []grant{
		{read | post | put, ""},
		{read, "chunks"},
		{put, "chunks/*"},
		{post, "complete"},
	}
	downloading = []grant{
		{read, ""},
		{read, "chunks"},
		{read, "chunks/*"},
	}
)

// readingPages is how large lists and views are read.
var readingPages = []grant{
	{read | post, "readRequests"},
	{read | del, "readRequests/*"},
	{read, "readRequests/*/pages/*"},
}

var (
	readingList = append([]grant{{read, ""}, {read, "items"}, {read, "preview"}}, readingPages...)
	readingView = append([]grant{{read, ""}, {read, "data"}, {read, "dimensions/*/items"}}, readingPages...)

	// writingList has adding and deleting in one, for their path is the same: which of the two it is
	// stands in the query, of which a decision knows nothing.
	writingList = []grant{{read, ""}, {read | post | put, "items"}}
)

// ofModel is granted on the model itself by every rule with a verb: with what it is busy.
var ofModel = []grant{{read | post, "status"}}

// thing is what a verb may be about.
type thing struct {
	word   string
	list   string // the segment of its list
	grants []grant
	file   []grant // on the file that has the thing's id
}

type verb struct {
	word   string
	things []thing
}

// verbs has download before upload and read before write, so that reading asks for no right to write.
var verbs = []verb{
	{"run", []thing{
		{word: "process", list: "processes", grants: running},
		{word: "import", list: "imports", grants: running},
		{word: "export", list: "exports", grants: running, file: downloading},
		{word: "action", list: "actions", grants: running},
	}},
	{"download", []thing{{word: "file", list: "files", grants: downloading}}},
	{"upload", []thing{{word: "file", list: "files", grants: uploading}}},
	{"read", []thing{
		{word: "list", list: "lists", grants: readingList},
		{word: "view", list: "views", grants: readingView},
	}},
	{"write", []thing{{word: "list", list: "lists", grants: writingList}}},
}

// listed are the paths of the rule `list`.
var listed = []string{
	"2/0/users/me",
	"2/0/workspaces",
	"2/0/workspaces/*",
	"2/0/workspaces/*/models",
	"2/0/models",
}

// listedInModel is added to each of the two ways to a model.
var listedInModel = []string{
	"", "/processes", "/imports", "/exports", "/actions", "/files", "/lists", "/modules", "/views", "/lineItems",
}

// structureInModel is added likewise: what modules, views and lists are made of, without what is in
// them. A file's own path has its content, and those of what runs are for the rules that run it.
var structureInModel = []string{"/lists/*", "/modules/*/views", "/modules/*/lineItems", "/views/*", "/lineItems/*/dimensions"}

// isList reports whether a segment is that of a list.
func isList(segment string) bool {
	return segment == "workspaces" || segment == "models" || slices.Contains(listedInModel, "/"+segment)
}

// listing is what the rule `list` allows.
func listing() []route {
	paths := slices.Clone(listed)
	for _, below := range slices.Concat(listedInModel, structureInModel) {
		paths = append(paths, "2/0/models/*"+below, "2/0/workspaces/*/models/*"+below)
	}
	var routes []route
	for _, path := range paths {
		routes = append(routes, route{methods: read, elements: elements(path)})
	}
	for _, model := range []string{"2/0/models/*", "2/0/workspaces/*/models/*"} {
		routes = route{elements: elements(model)}.grant(routes, ofModel)
	}
	return routes
}

// elements reads the paths of this file, which need no check.
func elements(path string) []element {
	if path == "" {
		return nil
	}
	var out []element
	for piece := range strings.SplitSeq(path, "/") {
		out = append(out, element{key: piece, any: piece == "*"})
	}
	return out
}

// object is what a rule with a verb is about.
type object struct {
	thing     thing
	id        reference
	model     reference
	workspace reference // zero: any
}

// reference is an id or a name.
type reference struct {
	text  string
	named bool
}

// String returns the reference as it stands in a rule.
func (r reference) String() string {
	if !r.named {
		return r.text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(r.text) + `"`
}

// String returns the object as it stands in a rule, behind the verb.
func (o object) String() string {
	text := o.thing.word + " " + o.id.String() + " in model " + o.model.String()
	if o.workspace != (reference{}) {
		text += " in workspace " + o.workspace.String()
	}
	return text
}

// named reports whether any part of the object is given by name.
func (o object) named() bool { return o.id.named || o.model.named || o.workspace.named }

// routes is what the verb's grants come to.
func (o object) routes() []route {
	var routes []route
	for _, model := range o.models() {
		routes = model.grant(routes, ofModel)
		routes = model.then(o.thing.list, thingSlot, o.id).grant(routes, o.thing.grants)
		routes = model.then("files", exportSlot, o.id).grant(routes, o.thing.file)
	}
	return routes
}

// models returns the ways to the model.
func (o object) models() []route {
	root, at := route{elements: elements("2/0")}, modelSlot
	if o.workspace != (reference{}) {
		at = innerModelSlot
	}
	ways := []route{root.then("workspaces", workspaceSlot, o.workspace).then("models", at, o.model)}
	// Where the path does not tell the workspace, only an id says that the model is
	// the one in that workspace.
	if o.workspace == (reference{}) || !o.model.named {
		ways = append(ways, root.then("models", modelSlot, o.model))
	}
	return ways
}

// then returns r with a list and one thing in it.
func (r route) then(list string, at slot, ref reference) route {
	one := element{key: keyOf(ref.text)}
	if ref.named || ref.text == "" {
		one = element{any: true}
	}
	r.elements = slices.Concat(r.elements, []element{{key: list}, one})
	if ref.named {
		r.asks = slices.Concat(r.asks, []ask{{at, ref.text}})
	}
	return r
}

// grant adds to routes what may be done to the thing that r leads to.
func (r route) grant(routes []route, grants []grant) []route {
	for _, g := range grants {
		below := r
		below.methods = g.methods
		below.elements = slices.Concat(r.elements, elements(g.below))
		routes = append(routes, below)
	}
	return routes
}
