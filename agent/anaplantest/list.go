package anaplantest

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxItems is how many items one call may bring (help.anaplan.com, "Add list items").
const maxItems = 100_000

// firstItem is the id of the first item that is added to a list.
const firstItem = 208_000_001_001

// itemList is what a list holds. Its shapes are those of help.anaplan.com, "Model lists".
type itemList struct {
	numbered   bool       // items are told apart by code, and their names are made up
	properties []property // in their order
	subsets    []string
	items      []*item
	added      int // so far: ids are used once
}

// property is a column of a list.
type property struct{ name, format string }

// item is one item of a list.
type item struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Code       string            `json:"code,omitempty"`
	Parent     string            `json:"parent,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`
	Subsets    map[string]bool   `json:"subsets,omitempty"`
}

// itemFailure is why one item of a request was left alone.
type itemFailure struct {
	Index   int    `json:"requestIndex"`
	Type    string `json:"failureType"`
	Details string `json:"failureMessageDetails"`
}

// bare is an item without what includeAll adds.
func (i *item) bare() *item {
	return &item{ID: i.ID, Name: i.Name, Code: i.Code, Parent: i.Parent}
}

// ListItems returns a copy of the items of the list of that name as CSV, one row each under a
// header: id, name, code, parent, and a column for each property and subset.
func (t *tenant) ListItems(name string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, thing := range t.named(name) {
		if thing.list != nil {
			return thing.list.csv(true), nil
		}
	}
	return "", fmt.Errorf("%w: list %q", ErrNoSuchThing, name)
}

// withList lets next see requests for lists that exist.
func withList(next func(*call, *thing) answer) func(*call) answer {
	return func(c *call) answer {
		if t := c.model.find("lists", c.PathValue("id")); t != nil {
			return next(c, t)
		}
		return noSuch("list")
	}
}

// describeList is GET .../lists/{id}.
func describeList(c *call, t *thing) answer {
	properties := []object{}
	for _, p := range t.list.properties {
		properties = append(properties, object{"name": p.name, "format": p.format, "notes": "", "referencedBy": ""})
	}
	subsets := []object{}
	for i, name := range t.list.subsets {
		subsets = append(subsets, object{"id": fmt.Sprint(109_000_000_001 + i), "name": name})
	}
	return c.success("metadata", object{
		"id": t.id, "name": t.name, "properties": properties, "subsets": subsets, "hasSelectiveAccess": false,
		"managedBy": "", "numberedList": t.list.numbered, "useTopLevelAsPageDefault": false,
		"itemCount": len(t.list.items), "workflowEnabled": false, "productionData": false,
		"permittedItems": len(t.list.items), "nextItemIndex": len(t.list.items) + 1, "category": "",
	})
}

// getItems is GET .../lists/{id}/items, as JSON or as CSV.
func getItems(c *call, t *thing) answer {
	all := c.URL.Query().Get("includeAll") == "true"
	if len(t.list.items) > c.tenant.options.MaxRead {
		return tooMuch()
	}
	if wantsCSV(c.Request) {
		return sendCSV(t.list.csv(all))
	}
	items := []item{}
	for _, i := range t.list.items {
		if !all {
			i = i.bare()
		}
		items = append(items, *i)
	}
	return apiSuccess(c.Request, c.schema("listItem"), "listItems", items)
}

// wantsCSV reports whether the client takes CSV, and not JSON first.
func wantsCSV(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("Accept"), "text/csv") }

// sendCSV answers with a table.
func sendCSV(text string) answer {
	return answer{status: http.StatusOK, content: strings.NewReader(text), contentType: "text/csv; charset=UTF-8"}
}

// csv is the list as a table. Anaplan does not document the columns.
func (l *itemList) csv(all bool) string {
	header := []string{"id", "name", "code", "parent"}
	if all {
		for _, p := range l.properties {
			header = append(header, p.name)
		}
		header = append(header, l.subsets...)
	}
	rows := [][]string{header}
	for _, i := range l.items {
		rows = append(rows, l.row(i, all))
	}
	return table(rows)
}

// row is one item of csv.
func (l *itemList) row(i *item, all bool) []string {
	row := []string{i.ID, i.Name, i.Code, i.Parent}
	if !all {
		return row
	}
	for _, p := range l.properties {
		row = append(row, i.Properties[p.name])
	}
	for _, s := range l.subsets {
		row = append(row, strconv.FormatBool(i.Subsets[s]))
	}
	return row
}

// table writes rows as CSV.
func table(rows [][]string) string {
	var text bytes.Buffer
	csv.NewWriter(&text).WriteAll(rows) // a Buffer takes everything
	return text.String()
}

// changeItems is POST .../lists/{id}/items?action=add, and ?action=delete.
func changeItems(c *call, t *thing) answer {
	switch action := c.URL.Query().Get("action"); action {
	case "add":
		return c.eachItem(t.list, "added", (*itemList).add)
	case "delete":
		return c.eachItem(t.list, "deleted", (*itemList).remove)
	default:
		return apiFailure(http.StatusBadRequest, fmt.Sprintf("action=%.20q is neither add nor delete", action))
	}
}

// updateItems is PUT .../lists/{id}/items.
func updateItems(c *call, t *thing) answer {
	return c.eachItem(t.list, "updated", (*itemList).update)
}

// eachItem does one thing to each item of the request. What cannot be done to one is told in the
// answer, and does not keep it from being done to the others.
func (c *call) eachItem(l *itemList, done string, do func(*itemList, item) *itemFailure) answer {
	var order struct {
		Items []item `json:"items"`
	}
	if err := json.Unmarshal(c.body, &order); err != nil || order.Items == nil {
		return apiFailure(http.StatusBadRequest, "the body is not JSON with items, or a property is not a text")
	}
	if len(order.Items) > maxItems {
		return apiFailure(http.StatusBadRequest, "there are more than 100000 items in one call")
	}
	failures := []itemFailure{}
	for n, i := range order.Items {
		if failed := do(l, i); failed != nil {
			failed.Index = n
			failures = append(failures, *failed)
		}
	}
	a := apiSuccess(c.Request, c.schema("listItem"), done, len(order.Items)-len(failures))
	body := a.body.(object)
	body["total"], body["ignored"] = len(order.Items), len(failures)
	if len(failures) > 0 {
		body["failures"] = failures
	}
	return a
}

// add adds an item.
func (l *itemList) add(i item) *itemFailure {
	switch {
	case l.numbered && i.Name != "":
		return failedItem("NAME_NOT_ALLOWED", "the items of a numbered list have no names of their own")
	case !l.numbered && i.Name == "":
		return failedItem("MISSING_NAME", "the item has no name")
	case i.Code != "" && l.find(item{Code: i.Code}) != nil:
		return failedItem("DUPLICATE_CODE", "there is an item with the code "+i.Code)
	case !l.numbered && l.find(item{Name: i.Name}) != nil:
		return failedItem("DUPLICATE_NAME", "there is an item with the name "+i.Name)
	}
	if failed := l.check(i); failed != nil {
		return failed
	}
	i.ID = fmt.Sprint(firstItem + int64(l.added))
	l.added++
	if l.numbered {
		i.Name = fmt.Sprint("#", l.added)
	}
	l.items = append(l.items, &i)
	return nil
}

// update changes an item. What the request does not name stays.
func (l *itemList) update(i item) *itemFailure {
	known := l.find(i)
	if known == nil {
		return failedItem("NOT_FOUND", "there is no such item")
	}
	if failed := l.check(i); failed != nil {
		return failed
	}
	if i.Code != "" {
		known.Code = i.Code
	}
	if i.Parent != "" {
		known.Parent = i.Parent
	}
	if i.ID != "" && i.Name != "" && !l.numbered {
		known.Name = i.Name
	}
	known.Properties = merged(known.Properties, i.Properties)
	known.Subsets = merged(known.Subsets, i.Subsets)
	return nil
}

// merged is a with b written over it.
func merged[V any](a, b map[string]V) map[string]V {
	if a == nil && b == nil {
		return nil
	}
	all := make(map[string]V)
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// remove deletes an item.
func (l *itemList) remove(i item) *itemFailure {
	known := l.find(item{ID: i.ID, Code: i.Code})
	if known == nil {
		return failedItem("NOT_FOUND", "there is no such item")
	}
	l.items = slices.DeleteFunc(l.items, func(other *item) bool { return other == known })
	return nil
}

// find returns the item that is meant: by id, else by code, else by name.
func (l *itemList) find(i item) *item {
	for _, known := range l.items {
		switch {
		case i.ID != "" && known.ID == i.ID,
			i.ID == "" && i.Code != "" && known.Code == i.Code,
			i.ID == "" && i.Code == "" && i.Name != "" && known.Name == i.Name:
			return known
		}
	}
	return nil
}

// check refuses values that a list cannot hold.
func (l *itemList) check(i item) *itemFailure {
	for name, value := range i.Properties {
		at := slices.IndexFunc(l.properties, func(p property) bool { return p.name == name })
		if at < 0 {
			return failedItem("UNKNOWN_COLUMN", "there is no property "+name)
		}
		_, err := strconv.ParseFloat(value, 64)
		if l.properties[at].format == "NUMBER" && value != "" && err != nil {
			return failedItem("INCORRECT_FORMAT", fmt.Sprintf("incorrect format -- column name:%s, value:%s", name, value))
		}
	}
	for name := range i.Subsets {
		if !slices.Contains(l.subsets, name) {
			return failedItem("UNKNOWN_COLUMN", "there is no subset "+name)
		}
	}
	return nil
}

// failedItem is a failure of the item in hand.
func failedItem(kind, details string) *itemFailure { return &itemFailure{Type: kind, Details: details} }
