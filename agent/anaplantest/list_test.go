package anaplantest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

const (
	listsPath    = planPath + "/lists"
	productsPath = listsPath + "/101000000001"
	ordersPath   = listsPath + "/101000000003"
)

// changed is what the answer to a change of items tells.
type changed struct {
	Added, Updated, Deleted, Ignored, Total int
	Failures                                []struct {
		RequestIndex int
		FailureType  string
	}
}

func (r reply) changed() changed {
	r.t.Helper()
	var c changed
	r.want(200).decode(&c)
	return c
}

// items are the names and codes of a list, in order.
func (c *caller) items(path, token string) (items []string) {
	c.t.Helper()
	var a struct {
		ListItems []struct{ ID, Name, Code, Parent string }
	}
	c.get(path+"/items", token).want(200).decode(&a)
	for _, i := range a.ListItems {
		items = append(items, i.Name+"/"+i.Code)
	}
	return items
}

// Items are added, changed and deleted. One that cannot be is told, and the others are.
func TestListItems(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	if diff := cmp.Diff([]string{"Widgets/P1", "Gadgets/P2"}, c.items(productsPath, token)); diff != "" {
		t.Fatal(diff)
	}
	got := c.do("POST", productsPath+"/items?action=add", token, `{"items":[
		{"name":"Gizmos","code":"P3","properties":{"Price":"3.5"},"subsets":{"Active":true}},
		{"name":"Widgets"}, {"code":"P9"}, {"name":"x","code":"P1"},
		{"name":"y","properties":{"Price":"dear"}}, {"name":"z","properties":{"Weight":"1"}}]}`).changed()
	if got.Added != 1 || got.Ignored != 5 || got.Total != 6 || len(got.Failures) != 5 {
		t.Errorf("add: %+v", got)
	}
	if f := got.Failures[3]; f.RequestIndex != 4 || f.FailureType != "INCORRECT_FORMAT" {
		t.Errorf("failure %+v", f)
	}
	got = c.do("PUT", productsPath+"/items", token, `{"items":[{"code":"P3","parent":"Widgets","properties":{"Colour":"red"}},{"id":"1"}]}`).changed()
	if got.Updated != 1 || got.Ignored != 1 {
		t.Errorf("update: %+v", got)
	}
	if got := c.do("POST", productsPath+"/items?action=delete", token, `{"items":[{"code":"P1"}]}`).changed(); got.Deleted != 1 {
		t.Errorf("delete: %+v", got)
	}
	if diff := cmp.Diff([]string{"Gadgets/P2", "Gizmos/P3"}, c.items(productsPath, token)); diff != "" {
		t.Error(diff)
	}
	table, err := c.server.ListItems("Products")
	want := "id,name,code,parent,Colour,Price,Active\n208000000002,Gadgets,P2,,,20,false\n208000001001,Gizmos,P3,Widgets,red,3.5,true\n"
	if err != nil || table != want {
		t.Errorf("%v\n%s", err, table)
	}
	if r := c.with("GET", productsPath+"/items?includeAll=true", token, "", "Accept: text/csv"); string(r.want(200).body) != want || !strings.HasPrefix(r.header.Get("Content-Type"), "text/csv") {
		t.Errorf("%s: %s", r.header.Get("Content-Type"), r.body)
	}
	c.do("POST", productsPath+"/items", token, `{"items":[]}`).want(400) // no action
	c.do("POST", productsPath+"/items?action=add", token, `[]`).want(400)
	c.do("POST", listsPath+"/1/items?action=add", token, `{"items":[]}`).want(404)
}

// In a numbered list names are made up, and codes tell items apart.
func TestNumberedList(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	got := c.do("POST", ordersPath+"/items?action=add", token, `{"items":[{"code":"A"},{"code":"B"},{"name":"mine"}]}`).changed()
	if got.Added != 2 || got.Ignored != 1 {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]string{"#1/A", "#2/B"}, c.items(ordersPath, token)); diff != "" {
		t.Error(diff)
	}
	if meta := c.get(ordersPath, token).want(200).one("metadata"); meta["numberedList"] != true || meta["itemCount"] != 2. {
		t.Errorf("%v", meta)
	}
}

// What there is in a model besides what runs is listed at both places that Anaplan has for models.
func TestStructure(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	for _, base := range []string{planPath, "/2/0/models/" + anaplantest.PlanID} {
		for path, want := range map[string]string{
			"/lists":                             "lists: 101000000001 Products, 101000000002 Regions, 101000000003 Orders",
			"/modules":                           "modules: 102000000001 Sales",
			"/views":                             "views: 102000000001 Sales, 206000000101 Sales.By product",
			"/modules/102000000001/views":        "views: 102000000001 Sales, 206000000101 Sales.By product",
			"/lineItems":                         "items: 206000000001 Amount, 206000000002 Price",
			"/modules/102000000001/lineItems":    "items: 206000000001 Amount, 206000000002 Price",
			"/lineItems/206000000001/dimensions": "dimensions: 101000000001 Products",
			"/dimensions/101000000001/items":     "items: 208000000001 Widgets, 208000000002 Gadgets",
			"/views/102000000001/dimensions/101000000001/items": "items: 208000000001 Widgets, 208000000002 Gadgets",
		} {
			key, _, _ := strings.Cut(want, ": ")
			things, _ := c.get(base+path, token).want(200).listing(key)
			var got []string
			for _, thing := range things {
				got = append(got, fmt.Sprint(thing["id"], " ", thing["name"]))
			}
			if line := key + ": " + strings.Join(got, ", "); line != want {
				t.Errorf("%s%s: %s", base, path, line)
			}
		}
	}
	c.get(planPath+"/modules/1/views", token).want(404)
	c.get(planPath+"/views/1", token).want(404)
	if got := c.do("POST", planPath+"/dimensions/101000000001/items", token, `{"names":["Widgets"],"codes":["P2","x"]}`); !strings.Contains(string(got.want(200).body), "Gadgets") {
		t.Errorf("%s", got.body)
	}
}

// A view's cells come as CSV, or with format=v1 as JSON.
func TestViewData(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	var view struct {
		ViewName, ViewID string
		Rows, Columns    []named
	}
	c.get(planPath+"/views/102000000001", token).want(200).decode(&view)
	if view.ViewName != "Sales" || len(view.Rows) != 1 || len(view.Columns) != 1 {
		t.Errorf("%+v", view)
	}
	data := planPath + "/views/102000000001/data"
	if got := string(c.get(data, token).want(200).body); got != ",Amount,Price\nWidgets,100,10\nGadgets,200,20\n" {
		t.Errorf("%s", got)
	}
	var cells struct {
		ColumnCoordinates [][]string
		Rows              []struct {
			RowCoordinates, Cells []string
		}
	}
	c.with("GET", data+"?format=v1", token, "", "Accept: application/json").want(200).decode(&cells)
	if len(cells.Rows) != 2 || cells.Rows[1].RowCoordinates[0] != "Gadgets" || cells.Rows[1].Cells[0] != "200" || cells.ColumnCoordinates[1][0] != "Price" {
		t.Errorf("%+v", cells)
	}
}

// Large lists and views are read by a request that goes on at each look, page by page.
func TestReadRequests(t *testing.T) {
	c := newCaller(t, &anaplantest.Options{ChunkSize: 20})
	token := c.token()
	for base, key := range map[string]string{
		productsPath:                     "listReadRequest",
		planPath + "/views/102000000001": "viewReadRequest",
	} {
		begun := c.do("POST", base+"/readRequests/", token, `{"exportType":"TABULAR_MULTI_COLUMN"}`).want(200).one(key)
		request := fmt.Sprint(base, "/readRequests/", begun["requestId"])
		c.get(request+"/pages/0", token).want(404)
		var state map[string]any
		for range 4 {
			if state = c.get(request, token).want(200).one(key); state["requestState"] == "COMPLETE" {
				break
			}
		}
		if state["requestState"] != "COMPLETE" || state["successful"] != true {
			t.Fatalf("%s: %v", key, state)
		}
		var text strings.Builder
		for page := range int(state["availablePages"].(float64)) {
			text.Write(c.get(fmt.Sprint(request, "/pages/", page), token).want(200).body)
		}
		if !strings.Contains(text.String(), "\n") || !strings.Contains(text.String(), "Gadgets") {
			t.Errorf("%s: %q", key, text.String())
		}
		if ended := c.do("DELETE", request, token, "").want(200).one(key); ended["requestState"] != "COMPLETE" {
			t.Errorf("%v", ended)
		}
		c.get(request, token).want(404)
	}
	if got := string(c.get(productsPath+"/preview", token).want(200).body); !strings.HasPrefix(got, "id,name,") {
		t.Errorf("%s", got)
	}
}
