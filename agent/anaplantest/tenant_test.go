package anaplantest_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// planPath is the model "Plan" at one of its two places, the other is planOnly.
const (
	planPath = "/2/0/workspaces/" + anaplantest.FinanceID + "/models/" + anaplantest.PlanID
	planOnly = "/2/0/models/" + anaplantest.PlanID
)

// named is what the tests read of things in lists.
type named struct{ ID, Name string }

// listing reads a list: its things and its paging. The name is that of its field.
func (r reply) listing(name string) ([]map[string]any, map[string]any) {
	r.t.Helper()
	var body map[string]any
	r.decode(&body)
	var items []map[string]any
	if list, ok := body[name].([]any); ok {
		for _, item := range list {
			items = append(items, item.(map[string]any))
		}
	}
	paging, _ := body["meta"].(map[string]any)["paging"].(map[string]any)
	return items, paging
}

// names reads the things of a list.
func (r reply) names(name string) []named {
	r.t.Helper()
	items, _ := r.listing(name)
	var all []named
	for _, item := range items {
		all = append(all, named{fmt.Sprint(item["id"]), fmt.Sprint(item["name"])})
	}
	return all
}

// one reads an answer that is one thing.
func (r reply) one(name string) map[string]any {
	r.t.Helper()
	var body map[string]any
	r.decode(&body)
	one, ok := body[name].(map[string]any)
	if !ok {
		r.t.Fatalf("there is no %s in %s", name, r.body)
	}
	return one
}

// A model is at two places, and everything in it too.
func TestModelLists(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	want := map[string][]named{
		"files":     {{"113000000001", "Sales.csv"}, {"113000000002", "Prices.csv"}, {"116000000001", "Report.csv"}, {"116000000002", "Grid.xls"}},
		"imports":   {{"112000000001", "Sales from Sales.csv"}, {"112000000002", "Prices from Prices.csv"}, {"112000000003", "Targets from Emulated model"}},
		"exports":   {{"116000000001", "Report.csv"}, {"116000000002", "Grid.xls"}},
		"actions":   {{"117000000001", "Delete old sales"}, {"117000000002", "Sort products"}},
		"processes": {{"118000000001", "Nightly load"}, {"118000000006", "Publish"}},
	}
	for _, base := range []string{planPath, planOnly, strings.ToLower(planOnly)} {
		got := make(map[string][]named)
		for kind := range want {
			got[kind] = c.get(base+"/"+kind, token).want(200).names(kind)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("below %s: %s", base, diff)
		}
	}
	// Ids are a model's own.
	if got := c.get(processesPath, token).want(200).names("processes"); got[0].Name != "Load actuals" {
		t.Errorf("the first model's processes are %v", got)
	}
}

// Things have the fields that Anaplan's have, and lack the same ones.
func TestFields(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	for _, test := range []struct{ path, list, id, has, lacks string }{
		{planPath + "/files", "files", "113000000001", "chunkCount delimiter encoding firstDataRow format headerRow separator", "export"},
		{planPath + "/files", "files", "116000000001", "chunkCount firstDataRow headerRow", "delimiter encoding format separator"},
		{planPath + "/imports", "imports", "112000000001", "importDataSourceId importType", "actionType"},
		{planPath + "/imports", "imports", "112000000003", "importType", "importDataSourceId"},
		{planPath + "/exports", "exports", "116000000001", "exportType exportFormat encoding layout", ""},
		{planPath + "/exports", "exports", "116000000002", "exportType exportFormat layout", "encoding"},
		{planPath + "/actions", "actions", "117000000001", "actionType", ""},
		{"/2/0/models", "models", anaplantest.PlanID, "activeState currentWorkspaceId currentWorkspaceName modelUrl categoryValues", ""},
		{"/2/0/workspaces", "workspaces", anaplantest.FinanceID, "active sizeAllowance currentSize", ""},
	} {
		items, _ := c.get(test.path, token).want(200).listing(test.list)
		i := slices.IndexFunc(items, func(item map[string]any) bool { return item["id"] == test.id })
		if i < 0 {
			t.Errorf("%s does not list %s", test.path, test.id)
			continue
		}
		wantFields(t, items[i], test.has, test.lacks)
	}
}

func wantFields(t *testing.T, item map[string]any, has, lacks string) {
	t.Helper()
	for field := range strings.FieldsSeq(has) {
		if _, ok := item[field]; !ok {
			t.Errorf("%v has no %s", item, field)
		}
	}
	for field := range strings.FieldsSeq(lacks) {
		if _, ok := item[field]; ok {
			t.Errorf("%v has %s", item, field)
		}
	}
}

// One thing at a time.
func TestSingles(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	for _, test := range []struct{ path, field, has, lacks string }{
		{"/2/0/workspaces/" + anaplantest.FinanceID, "workspace", "id name active", ""},
		{planPath, "model", "id name currentWorkspaceId", ""},
		{planOnly, "model", "id name currentWorkspaceId", ""},
		{planOnly + "/imports/112000000001", "importMetadata", "name type source", "id"},
		{planOnly + "/imports/112000000003", "importMetadata", "name type", "source"},
		{planOnly + "/exports/116000000001", "exportMetadata", "columnCount headerNames exportFormat rowCount", "id"},
		{planOnly + "/processes/118000000001", "processMetadata", "name actions", "id"},
		{planOnly + "/actions/117000000001", "action", "id name actionType", ""},
	} {
		wantFields(t, c.get(test.path, token).want(200).one(test.field), test.has, test.lacks)
	}
	var got []string
	for _, id := range []string{"118000000001", "118000000006"} {
		process := c.get(planOnly+"/processes/"+id, token).one("processMetadata")
		for _, action := range process["actions"].([]any) {
			a := action.(map[string]any)
			got = append(got, fmt.Sprint(a["id"], " ", a["actionType"]))
		}
	}
	want := []string{"117000000001 DELETE_BY_SELECTION", "112000000001 IMPORT", "112000000002 IMPORT", "116000000001 EXPORT"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Everything has to be where the path says.
func TestTenantRefusals(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	for _, path := range []string{
		"/2/0/workspaces/other", "/2/0/models/other", "/2/0/models/other/files",
		"/2/0/workspaces/other/models/" + anaplantest.PlanID,
		modelsPath + "/" + anaplantest.PlanID, // of the other workspace
		modelsPath + "/" + anaplantest.PlanID + "/files",
		planPath + "/files/113000000009", planPath + "/files/113000000009/chunks", planPath + "/files/113000000009/chunks/0",
		planPath + "/imports/118000000001", planPath + "/imports/118000000001/tasks", planPath + "/imports/118000000001/tasks/other",
		planPath + "/calendar",
	} {
		c.get(path, token).want(404).api()
	}
	for _, path := range []string{"/2/0/workspaces", "/2/0/models", planPath, planOnly + "/files", planOnly + "/files/113000000002"} {
		c.get(path, "").want(401).api()
	}
}

// Pages follow each other until everything was there once.
func TestPaging(t *testing.T) {
	c := newCaller(t, &anaplantest.Options{Things: 5})
	token := c.token()
	var got []string
	for path := planOnly + "/processes?limit=3&sort=x"; path != ""; {
		r := c.get(path, token).want(200)
		items, paging := r.listing("processes")
		for _, item := range items {
			got = append(got, fmt.Sprint(item["name"]))
		}
		if paging["totalSize"] != 7. || paging["currentPageSize"] != float64(len(items)) || paging["offset"] != float64(len(got)-len(items)) {
			t.Errorf("paging %v after %d", paging, len(got))
		}
		path = otherPage(t, paging, "next")
	}
	want := []string{"Nightly load", "Publish", "Process 1", "Process 2", "Process 3", "Process 4", "Process 5"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, paging := c.get(planOnly+"/processes?limit=3&offset=2", token).want(200).listing("processes")
	if got := otherPage(t, paging, "previous"); got != planOnly+"/processes?limit=3&offset=0" {
		t.Errorf("the previous page is %q", got)
	}
}

// otherPage is the path of the next or previous page; "" if there is none.
func otherPage(t *testing.T, paging map[string]any, which string) string {
	t.Helper()
	text, ok := paging[which].(string)
	if !ok {
		return ""
	}
	address, err := url.Parse(text)
	if err != nil || address.Scheme != "https" {
		t.Fatalf("%s is %q: %v", which, text, err)
	}
	return address.RequestURI()
}

// The service has a page size of its own, and the end of a list is an empty page.
func TestPageLimits(t *testing.T) {
	c := newCaller(t, &anaplantest.Options{PageSize: 2})
	token := c.token()
	for query, want := range map[string]int{"": 2, "?limit=100": 2, "?limit=1": 1, "?offset=3": 1, "?offset=4": 0, "?limit=5&offset=2147483647": 0} {
		items, paging := c.get(planOnly+"/files"+query, token).want(200).listing("files")
		if len(items) != want || paging["totalSize"] != 4. {
			t.Errorf("%s: %d files, paging %v; want %d", query, len(items), paging, want)
		}
	}
	if r := c.get(planOnly+"/files?offset=4", token); strings.Contains(string(r.body), `"files"`) {
		t.Errorf("an empty page has its field: %s", r.body)
	}
	for _, query := range []string{"?limit=0", "?limit=-1", "?limit=x", "?offset=-1", "?offset=99999999999"} {
		c.get(planOnly+"/files"+query, token).want(400).api()
	}
}

// Names change, and need not be unique; ids stay.
func TestRename(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	for name, to := range map[string]string{"Publish": "Nightly load", "Report.csv": "Grid.xls", "Plan": "Budget", "Finance": "Controlling"} {
		if err := c.server.Rename(name, to); err != nil {
			t.Error(err)
		}
	}
	want := []named{{"118000000001", "Nightly load"}, {"118000000006", "Nightly load"}}
	if diff := cmp.Diff(want, c.get(planOnly+"/processes", token).names("processes")); diff != "" {
		t.Error(diff)
	}
	files := c.get(planOnly+"/files", token).names("files")
	if files[2].Name != "Grid.xls" || files[3].Name != "Grid.xls" {
		t.Errorf("files %v", files)
	}
	if got := c.get(planOnly, token).one("model"); got["name"] != "Budget" || got["currentWorkspaceName"] != "Controlling" {
		t.Errorf("model %v", got)
	}
	if err := c.server.Rename("Plan", "x"); !errors.Is(err, anaplantest.ErrNoSuchThing) {
		t.Errorf("error %v", err)
	}
}
