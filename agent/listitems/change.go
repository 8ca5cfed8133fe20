// Package listitems adds, changes and deletes items of Anaplan's lists, from tables.
//
//	columns, err := listitems.ColumnsOf(ctx, client, list)
//	...
//	items, err := listitems.Read(file, listitems.CSV, columns, map[string]string{"Product": "name"})
//	...
//	outcome, err := listitems.Change(ctx, client, list, listitems.Upsert, items)
//
// The calls and their bounds are those of help.anaplan.com, "Add list items", "Update list items" and
// "Delete list items". What Anaplan refuses of single items is not an error: [Outcome] has it.
package listitems

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/printable"
)

// Verb is what is done to items.
type Verb string

// Verbs. Upsert updates what there is, and adds the rest.
const (
	Add    Verb = "add"
	Update Verb = "update"
	Upsert Verb = "upsert"
	Delete Verb = "delete"
)

// Outcome is what came of a change.
type Outcome struct {
	Total    int       `json:"total"`
	Added    int       `json:"added"`
	Updated  int       `json:"updated"`
	Deleted  int       `json:"deleted"`
	Failures []Failure `json:"failures"`
}

// Failure is an item that was refused. People are told the line; see [Where].
type Failure struct {
	Item   int    `json:"item"`           // its number, from 1; 0: Anaplan does not say which one
	Line   int    `json:"line,omitempty"` // of the table, see Item
	Type   string `json:"failureType"`
	Reason string `json:"failureMessageDetails"`
}

// mostItems is how many go with one call. Anaplan takes ten times as many.
const mostItems = 10_000

// numbered is an item with its number, from 1.
type numbered struct {
	number int
	item   Item
}

// where names its place for a person.
func (n numbered) where() string { return Where(n.item.Line, n.number) }

// Change does it to all items. After an error the outcome is what was done before it.
func Change(ctx context.Context, client *integration.Client, list integration.Thing, verb Verb, items []Item) (Outcome, error) {
	c := &change{ctx: ctx, client: client, list: list, path: list.Model.Path() + "/lists/" + list.ID + "/items"}
	c.outcome.Total, c.outcome.Failures = len(items), []Failure{}
	all := make([]numbered, len(items))
	for i, item := range items {
		all[i] = numbered{i + 1, item}
	}
	var err error
	switch verb {
	case Add:
		err = c.send(http.MethodPost, "add", all, &c.outcome.Added)
	case Update:
		err = c.send(http.MethodPut, "", identified(all), &c.outcome.Updated)
	case Delete:
		err = c.remove(all)
	case Upsert:
		err = c.upsert(all)
	default:
		err = fmt.Errorf("%q is not one of add, update, upsert, delete", verb)
	}
	return c.outcome, err
}

type change struct {
	ctx     context.Context
	client  *integration.Client
	list    integration.Thing
	path    string // of its items
	outcome Outcome
}

// identified leaves each item one of id, code and name: with two Anaplan refuses it as ambiguous.
func identified(all []numbered) []numbered {
	for i := range all {
		switch item := &all[i].item; {
		case item.ID != "":
			item.Code, item.Name = "", ""
		case item.Code != "":
			item.Name = ""
		}
	}
	return all
}

// remove deletes items. Anaplan knows them by id or code there, so names are looked up.
func (c *change) remove(all []numbered) error {
	there, err := c.there()
	if err != nil {
		return err
	}
	var known []numbered
	for _, one := range all {
		item := Item{ID: one.item.ID, Code: one.item.Code, Line: one.item.Line}
		if item.ID != "" {
			item.Code = ""
		} else if item.Code == "" {
			item.ID = there.names[one.item.Name]
		}
		if item.ID == "" && item.Code == "" {
			c.fail(one, "Not found", fmt.Sprintf("there is no item %q", printable.Line(one.item.Name)))
			continue
		}
		known = append(known, numbered{one.number, item})
	}
	return c.send(http.MethodPost, "delete", known, &c.outcome.Deleted)
}

func (c *change) upsert(all []numbered) error {
	there, err := c.there()
	if err != nil {
		return err
	}
	var old, fresh []numbered
	for _, one := range all {
		switch item := one.item; {
		case item.ID != "" || item.Code != "" && there.codes[item.Code]:
			old = append(old, one)
		case item.Code == "" && there.names[item.Name] != "":
			old = append(old, one)
		default:
			fresh = append(fresh, one)
		}
	}
	if err := c.send(http.MethodPut, "", identified(old), &c.outcome.Updated); err != nil {
		return err
	}
	return c.send(http.MethodPost, "add", fresh, &c.outcome.Added)
}

// present is what a list holds: ids by name, and codes.
type present struct {
	names map[string]string
	codes map[string]bool
}

func (c *change) there() (present, error) {
	var answer struct {
		Items []Item `json:"listItems"`
	}
	p := present{names: map[string]string{}, codes: map[string]bool{}}
	err := call(c.ctx, c.client, http.MethodGet, c.path, nil, nil, &answer)
	if integration.IsTooLarge(err) {
		err = large(c.ctx, c.client, c.list, nil, p.read)
	}
	for _, item := range answer.Items {
		p.add(item.ID, item.Name, item.Code)
	}
	return p, err
}

func (p present) add(id, name, code string) {
	p.names[name] = id
	if code != "" {
		p.codes[code] = true
	}
}

// read reads a list as CSV.
func (p present) read(r io.Reader) error {
	table := csv.NewReader(r)
	table.LazyQuotes, table.FieldsPerRecord, table.ReuseRecord = true, -1, true
	header, err := table.Read()
	if err != nil {
		return err
	}
	at := func(name string) int {
		return slices.IndexFunc(header, func(column string) bool { return strings.EqualFold(column, name) })
	}
	id, name, code := at("id"), at("name"), at("code")
	if min(id, name, code) < 0 {
		return fmt.Errorf("%w: the list as CSV has no columns id, name and code", integration.ErrResponse)
	}
	for {
		cells, err := table.Read()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case max(id, name, code) < len(cells):
			p.add(strings.Clone(cells[id]), strings.Clone(cells[name]), strings.Clone(cells[code]))
		}
	}
}

// send sends items, in as many calls as it takes.
func (c *change) send(method, action string, all []numbered, done *int) error {
	for len(all) > 0 {
		batch := all[:min(mostItems, len(all))]
		all = all[len(batch):]
		if err := c.once(method, action, batch, done); err != nil {
			return fmt.Errorf("%s to %s: %w", batch[0].where(), batch[len(batch)-1].where(), err)
		}
	}
	return nil
}

// answer is that to a change. Of a deletion with failures it has another form.
type answer struct {
	Added    int       `json:"added"`
	Updated  int       `json:"updated"`
	Deleted  int       `json:"deleted"`
	Failures []failure `json:"failures"`
	Result   struct {
		Deleted  int       `json:"numberOfItemsDeleted"`
		Failures []failure `json:"failures"`
	} `json:"result"`
}

type failure struct {
	Index   int    `json:"requestIndex"`
	Type    string `json:"failureType"`
	Details string `json:"failureMessageDetails"`
}

func (c *change) once(method, action string, batch []numbered, done *int) error {
	items := make([]Item, len(batch))
	for i, one := range batch {
		items[i] = one.item
	}
	query := url.Values{}
	if action != "" {
		query.Set("action", action)
	}
	var got answer
	if err := call(c.ctx, c.client, method, c.path, query, map[string]any{"items": items}, &got); err != nil {
		return err
	}
	*done += got.Added + got.Updated + got.Deleted + got.Result.Deleted
	for _, f := range append(got.Failures, got.Result.Failures...) {
		var one numbered
		if f.Index >= 0 && f.Index < len(batch) {
			one = batch[f.Index]
		}
		c.fail(one, f.Type, f.Details)
	}
	return nil
}

func (c *change) fail(one numbered, kind, reason string) {
	c.outcome.Failures = append(c.outcome.Failures, Failure{
		one.number, one.item.Line, printable.Cut(printable.Line(kind), 100), printable.Cut(printable.Line(reason), 300),
	})
}

// ColumnsOf returns what a list has.
func ColumnsOf(ctx context.Context, client *integration.Client, list integration.Thing) (Columns, error) {
	type named struct{ Name string }
	var got struct {
		Metadata struct{ Properties, Subsets []named } `json:"metadata"`
	}
	err := call(ctx, client, http.MethodGet, list.Model.Path()+"/lists/"+list.ID, nil, nil, &got)
	var columns Columns
	for _, p := range got.Metadata.Properties {
		columns.Properties = append(columns.Properties, p.Name)
	}
	for _, s := range got.Metadata.Subsets {
		columns.Subsets = append(columns.Subsets, s.Name)
	}
	return columns, err
}

// mostAnswer is the longest answer that is read: a million items of some 100 bytes.
const mostAnswer = 256 << 20

// call makes one call with JSON.
func call(ctx context.Context, client *integration.Client, method, path string, query url.Values, value, into any) error {
	header := http.Header{"Accept": {"application/json"}}
	var body io.Reader
	if value != nil {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
		header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(ctx, method, path, query, body, header)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		refusal, _ := integration.Refusal(method, path, response)
		return refusal
	}
	if json.NewDecoder(http.MaxBytesReader(nil, response.Body, mostAnswer)).Decode(into) != nil {
		return fmt.Errorf("%s %s: %w: it is not the JSON that it should be", method, path, integration.ErrResponse)
	}
	return nil
}

// Content writes what a list or a view holds; where that is too much for one answer, by a large read.
// progress is told of that, and may be nil.
func Content(ctx context.Context, client *integration.Client, of integration.Thing, format Format, w io.Writer, progress func(integration.Transfer)) error {
	err := content(ctx, client, of, format, w)
	if !integration.IsTooLarge(err) {
		return err
	}
	convert := func(w io.Writer, r io.Reader) error { _, err := io.Copy(w, r); return err }
	switch {
	case format == Tab:
		convert = ToTab
	case format == JSON:
		if convert, err = jsonOf(ctx, client, of); err != nil {
			return err
		}
	}
	return large(ctx, client, of, progress, func(r io.Reader) error { return convert(w, r) })
}

// jsonOf returns what makes JSON of the CSV of a large read.
func jsonOf(ctx context.Context, client *integration.Client, of integration.Thing) (func(io.Writer, io.Reader) error, error) {
	if of.Kind == integration.Views {
		first, err := firstRow(ctx, client, of)
		if err != nil {
			return nil, err
		}
		return first.toJSON, nil
	}
	columns, err := ColumnsOf(ctx, client, of)
	return columns.toJSON, err
}

// large has read the CSV of a large read while it comes.
func large(ctx context.Context, client *integration.Client, of integration.Thing, progress func(integration.Transfer), read func(io.Reader) error) error {
	from, to := io.Pipe()
	var coming sync.WaitGroup
	coming.Go(func() { to.CloseWithError(client.ReadLarge(ctx, of, to, progress)) })
	err := read(from)
	from.CloseWithError(err)
	coming.Wait()
	return err
}

// content is Content for what comes in one answer.
func content(ctx context.Context, client *integration.Client, of integration.Thing, format Format, w io.Writer) error {
	path, query := of.Model.Path()+"/"+string(of.Kind)+"/"+of.ID, url.Values{}
	if of.Kind == integration.Lists {
		path += "/items"
		query.Set("includeAll", "true")
	} else {
		path += "/data"
		query.Set("format", "v1")
	}
	header := http.Header{"Accept": {"text/csv"}}
	if format == JSON {
		header.Set("Accept", "application/json")
	}
	response, err := client.Do(ctx, http.MethodGet, path, query, nil, header)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		refusal, _ := integration.Refusal(http.MethodGet, path, response)
		return refusal
	}
	if format == Tab {
		return ToTab(w, response.Body)
	}
	_, err = io.Copy(w, response.Body)
	return err
}
