package listing

// One thing, with all that Anaplan tells of it.

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// ShowOne shows one thing of a kind, by its name or id.
func ShowOne(api *agentclient.API, order *Order, name, wanted string) error {
	kind := kindOf(name)
	one, rule, err := order.one(api, kind, wanted)
	if err != nil {
		return api.MayNot(err, "see what "+integration.Kind(name).One()+" "+console.QuotedName(wanted, "")+" is", rule)
	}
	if order.json {
		return console.PrintJSON(one)
	}
	return console.PrintResult(sheet(one))
}

// one returns a thing, and the rule that lets a client see it.
func (o *Order) one(api *agentclient.API, kind kind, wanted string) (one thing, rule string, err error) {
	id, rule := "", "list"
	var found integration.Thing
	switch {
	case kind.inModel:
		var model integration.Model
		if model, err = api.Client.FindModel(api.Ctx, o.model, o.workspace); err == nil {
			found, err = api.Client.FindThing(api.Ctx, model, integration.Kind(kind.name), wanted)
			id = found.ID
		}
	case kind.name == string(integration.Models):
		var model integration.Model
		model, err = api.Client.FindModel(api.Ctx, wanted, o.workspace)
		id = model.ID
	default:
		var workspace integration.Workspace
		workspace, err = api.Client.FindWorkspace(api.Ctx, wanted)
		id = workspace.ID
	}
	if err != nil {
		return nil, rule, err
	}
	if kind.answer != "" {
		if kind.runs {
			rule = "run " + found.Kind.One() + " " + console.QuotedName(found.Name, id) + " in model " + console.QuotedName(found.Model.Name, found.Model.ID)
		}
		one, err = describe(api, found, kind.answer)
		return one, rule, err
	}
	one, err = o.entry(api, kind, id)
	return one, rule, err
}

// entry returns what the list of its kind tells of a thing.
func (o *Order) entry(api *agentclient.API, kind kind, id string) (thing, error) {
	path, _, err := o.path(api, kind)
	if err != nil {
		return nil, err
	}
	all, err := fetch(api, path, kind)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if strings.EqualFold(text("id")(t), id) {
			return t, nil
		}
	}
	return nil, fmt.Errorf("%s: %w: it had %s %s a moment ago, and has it no more", path, integration.ErrResponse, integration.Kind(kind.name).One(), id)
}

// mostTold is the longest description that is read: of a list with some thousand properties.
const mostTold = 16 << 20

// describe asks for a thing by itself. The answer has it under a name that each kind has, or is it.
func describe(api *agentclient.API, of integration.Thing, answer string) (thing, error) {
	path := of.Model.Path() + "/" + string(of.Kind) + "/" + of.ID
	response, err := api.Client.Do(api.Ctx, http.MethodGet, path, nil, nil, http.Header{"Accept": {"application/json"}})
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		refusal, _ := integration.Refusal(http.MethodGet, path, response)
		return nil, refusal
	}
	var body map[string]json.RawMessage
	raw := json.RawMessage{}
	if json.NewDecoder(http.MaxBytesReader(nil, response.Body, mostTold)).Decode(&raw) != nil || json.Unmarshal(raw, &body) != nil {
		return nil, fmt.Errorf("%s: %w: it is not a JSON object", path, integration.ErrResponse)
	}
	if answer != whole {
		raw = body[answer]
	}
	one := thing{}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if decoder.Decode(&one) != nil || one == nil {
		return nil, fmt.Errorf("%s: %w: there is no %s in it", path, integration.ErrResponse, answer)
	}
	delete(one, "meta")
	delete(one, "status")
	return one, nil
}

// sheet is a thing for people: its fields, then the table of its columns, and one for each list in it.
func sheet(one thing) string {
	s := &parts{lists: map[string][]any{}, tables: map[string][]thing{}}
	s.add("", one)
	var out strings.Builder
	writeTable(&out, s.fields)
	if len(s.lists) > 0 {
		writeTable(&out, s.columns())
	}
	for _, name := range slices.Sorted(maps.Keys(s.tables)) {
		writeTable(&out, rowsOf(name, s.tables[name]))
	}
	return out.String()
}

// parts are what a thing is made of.
type parts struct {
	fields [][]string
	lists  map[string][]any // of texts and the like
	tables map[string][]thing
}

// add takes an object apart. What is in one within it has its name in front.
func (p *parts) add(prefix string, one thing) {
	for _, name := range fieldsOf(one) {
		switch value := one[name].(type) {
		case map[string]any:
			p.add(prefix+name+".", value)
		case []any:
			p.addList(prefix+name, value)
		default:
			p.fields = append(p.fields, []string{prefix + name, text(name)(one)})
		}
	}
}

func (p *parts) addList(name string, values []any) {
	for _, value := range values {
		if one, ok := value.(map[string]any); ok {
			p.tables[name] = append(p.tables[name], one)
		} else {
			p.lists[name] = append(p.lists[name], value)
		}
	}
}

// columns puts the lists beside each other: they are about the same columns of a file.
func (p *parts) columns() (rows [][]string) {
	names := slices.Sorted(maps.Keys(p.lists))
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	rows = [][]string{names}
	for n := range slices.Max(lengths(p.lists)) {
		var row []string
		for _, name := range names {
			cell := ""
			if n < len(p.lists[name]) {
				cell = text("")(thing{"": p.lists[name][n]})
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

func lengths(lists map[string][]any) (all []int) {
	for _, list := range lists {
		all = append(all, len(list))
	}
	return all
}

// rowsOf is a list of objects as a table, under its name.
func rowsOf(name string, all []thing) [][]string {
	var names []string
	for _, one := range all {
		for _, field := range fieldsOf(one) {
			if !slices.Contains(names, field) {
				names = append(names, field)
			}
		}
	}
	rows := [][]string{names}
	for _, one := range all {
		var row []string
		for _, field := range names {
			row = append(row, text(field)(one))
		}
		rows = append(rows, row)
	}
	for i := range rows {
		lead := name
		if i > 0 {
			lead = ""
		}
		rows[i] = append([]string{lead}, rows[i]...)
	}
	return rows
}

// fieldsOf returns the names of an object's fields, those first by which people know it.
func fieldsOf(one thing) []string {
	names := slices.Sorted(maps.Keys(one))
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	return names
}

// rank is the place of a field among the others.
func rank(field string) int {
	field = field[strings.LastIndex(field, ".")+1:]
	if i := slices.Index([]string{"name", "id", "headerNames"}, field); i >= 0 {
		return i
	}
	return 3
}
