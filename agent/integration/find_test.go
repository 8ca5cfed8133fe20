package integration

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

func TestFind(t *testing.T) {
	r := newRig(t, &anaplantest.Options{Things: 9, PageSize: 4})
	finance := Workspace{anaplantest.FinanceID, "Finance"}
	plan := Model{ID: anaplantest.PlanID, Name: "Plan", Workspace: finance, State: "UNLOCKED"}

	for _, wanted := range []string{"Finance", anaplantest.FinanceID, strings.ToUpper(anaplantest.FinanceID)} {
		if got, err := r.client.FindWorkspace(t.Context(), wanted); err != nil || got != finance {
			t.Errorf("workspace %q: %v, %v", wanted, got, err)
		}
	}
	for _, wanted := range []string{"Plan", anaplantest.PlanID, strings.ToLower(anaplantest.PlanID)} {
		for _, workspace := range []string{"", "Finance", strings.ToUpper(anaplantest.FinanceID)} {
			if got, err := r.client.FindModel(t.Context(), wanted, workspace); err != nil || got != plan {
				t.Errorf("model %q in %q: %v, %v", wanted, workspace, got, err)
			}
		}
	}
	for _, test := range []struct {
		kind   Kind
		wanted string
		want   Thing
	}{
		{Processes, "Nightly load", Thing{ID: "118000000001", Name: "Nightly load"}},
		{Processes, "118000000001", Thing{ID: "118000000001", Name: "Nightly load"}},
		{Processes, "Process 9", Thing{ID: "118000001009", Name: "Process 9"}}, // on the last page
		{Imports, "Sales from Sales.csv", Thing{ID: "112000000001", Name: "Sales from Sales.csv", Source: "113000000001"}},
		{Imports, "Targets from Emulated model", Thing{ID: "112000000003", Name: "Targets from Emulated model"}},
		{Exports, "Report.csv", Thing{ID: "116000000001", Name: "Report.csv"}},
		{Actions, "Sort products", Thing{ID: "117000000002", Name: "Sort products"}},
		{Files, "Sales.csv", Thing{ID: "113000000001", Name: "Sales.csv"}},
	} {
		got, err := r.client.FindThing(t.Context(), plan, test.kind, test.wanted)
		test.want.Kind, test.want.Model = test.kind, plan
		if err != nil || got != test.want {
			t.Errorf("%s %q: %+v, %v", test.kind, test.wanted, got, err)
		}
	}
}

func TestFindNothing(t *testing.T) {
	r := newRig(t, nil)
	plan := r.plan(t)
	for _, test := range []struct {
		find  func() error
		words string
		near  []string
	}{
		{func() error { _, err := r.client.FindWorkspace(t.Context(), "finance"); return err },
			`there is no workspace "finance"; is it "Finance"?`, []string{"Finance"}},
		{func() error { _, err := r.client.FindModel(t.Context(), "Plam", ""); return err },
			`there is no model "Plam"; is it "Plan"?`, []string{"Plan"}},
		{func() error { _, err := r.client.FindModel(t.Context(), "Plan", "Emulated workspace"); return err },
			`there is no model "Plan" in workspace "Emulated workspace"`, nil},
		{func() error { _, err := r.client.FindModel(t.Context(), "Plan", "Fin"); return err },
			`there is no workspace "Fin"; is it "Finance"?`, []string{"Finance"}},
		{func() error { _, err := r.client.FindThing(t.Context(), plan, Processes, "load"); return err },
			`there is no process "load" in model "Plan"; is it "Nightly load"?`, []string{"Nightly load"}},
		{func() error { _, err := r.client.FindThing(t.Context(), plan, Actions, "999\x1b[31m"); return err },
			`there is no action "999\x1b[31m" in model "Plan"`, nil},
		{func() error { _, err := r.client.FindThing(t.Context(), plan, Files, "999"); return err },
			`there is no file "999" in model "Plan"`, nil},
		{func() error { _, err := r.client.FindThing(t.Context(), plan, Files, ""); return err },
			`there is no file ""`, nil},
	} {
		err := test.find()
		wantError(t, err, test.words)
		missing, ok := errors.AsType[*NotFoundError](err)
		if !ok || !slices.Equal(missing.Near, test.near) {
			t.Errorf("error %#v, want the names %q", err, test.near)
		}
	}
}

// TestFindTellsWhatThereIs: a text far from any name is answered with names, but not all of many.
func TestFindTellsWhatThereIs(t *testing.T) {
	r := newRig(t, &anaplantest.Options{Things: 30})
	plan, err := r.client.FindModel(t.Context(), "Plan", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.client.FindThing(t.Context(), plan, Actions, "Nope")
	wantError(t, err, `there is no action "Nope" in model "Plan"; there are "Delete old sales", "Sort products"`)
	_, err = r.client.FindThing(t.Context(), plan, Processes, "Nope")
	wantError(t, err, `there is no process "Nope" in model "Plan"; there are "Nightly load", `, `, and 12 more`)
	if strings.Contains(err.Error(), "Process 30") {
		t.Errorf("all are told: %v", err)
	}
}

func TestFindOneOfSeveral(t *testing.T) {
	r := newRig(t, nil)
	if err := r.Rename("Emulated model", "Plan"); err != nil {
		t.Fatal(err)
	}
	_, err := r.client.FindModel(t.Context(), "Plan", "")
	wantError(t, err, `there are 2 models "Plan", give the id or the workspace: `,
		anaplantest.PlanID+` in workspace "Finance"`, anaplantest.ModelID+` in workspace "Emulated workspace"`)
	several, ok := errors.AsType[*AmbiguousError](err)
	if !ok || len(several.Matches) != 2 || several.Matches[1].Workspace.ID != anaplantest.FinanceID {
		t.Errorf("error %#v", err)
	}
	for wanted, workspace := range map[string]string{"Plan": "Finance", anaplantest.PlanID: ""} {
		if got, err := r.client.FindModel(t.Context(), wanted, workspace); err != nil || got.ID != anaplantest.PlanID {
			t.Errorf("model %q in %q: %v, %v", wanted, workspace, got, err)
		}
	}

	many := &AmbiguousError{Kind: Processes, Wanted: "x", Matches: make([]Match, 9)}
	wantError(t, many, `there are 9 processes "x", give the id: `, ", ...")
	if archived := (Match{ID: "A", State: "ARCHIVED"}).String(); archived != "A (archived)" {
		t.Errorf("%q", archived)
	}
}

// listOf answers every request with one list.
func listOf(key, things string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, `{%q:[%s]}`, key, things) }
}

func TestANameThatLooksLikeAnID(t *testing.T) {
	client := served(listOf("processes", `{"id":"1","name":"2"},{"id":"2","name":"3"}`))
	got, err := client.FindThing(t.Context(), Model{ID: "M"}, Processes, "2")
	if err != nil || got.ID != "2" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFindInOddLists(t *testing.T) {
	// Ids that would lead elsewhere, numbers in place of strings, things that come twice.
	client := served(listOf("imports", `{"id":"../../users","name":"a"},{"id":112,"name":"b","importDataSourceId":113},
		{"id":112,"name":"b"},{"name":"c"},null,{"id":{},"name":["d"]},{"id":"114","name":null,"importDataSourceId":"a/b"}`))
	model := Model{ID: "M"}
	for _, wanted := range []string{"a", "c", "d", "../../users"} {
		if got, err := client.FindThing(t.Context(), model, Imports, wanted); err == nil {
			t.Errorf("%q is %+v", wanted, got)
		}
	}
	got, err := client.FindThing(t.Context(), model, Imports, "b")
	if want := (Thing{Kind: Imports, ID: "112", Name: "b", Model: model, Source: "113"}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := client.FindThing(t.Context(), model, Imports, "114"); err != nil || got.Source != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFindWithoutAList(t *testing.T) {
	// A policy that allows to run something, and not to look around.
	client := served(problem("not_allowed", 403))
	model, err := client.FindModel(t.Context(), anaplantest.PlanID, anaplantest.FinanceID)
	if want := (Model{ID: anaplantest.PlanID, Workspace: Workspace{ID: anaplantest.FinanceID}}); err != nil || model != want {
		t.Errorf("%+v, %v", model, err)
	}
	thing, err := client.FindThing(t.Context(), model, Processes, "118000000001")
	if want := "/2/0/workspaces/" + anaplantest.FinanceID + "/models/" + anaplantest.PlanID + "/processes/118000000001"; err != nil || thing.path() != want {
		t.Errorf("%+v, %v", thing, err)
	}
	if model, err = client.FindModel(t.Context(), anaplantest.PlanID, ""); err != nil || model.Path() != "/2/0/models/"+anaplantest.PlanID {
		t.Errorf("%+v, %v", model, err)
	}
	_, err = client.FindThing(t.Context(), model, Processes, "Nightly load")
	wantError(t, err, `looking for process "Nightly load": GET /2/0/models/`, "refused by the agent")
	_, err = client.FindModel(t.Context(), "Plan", "Finance")
	wantError(t, err, `looking for workspace "Finance"`)
}

func TestFileOf(t *testing.T) {
	model := Model{ID: "M"}
	for _, test := range []struct {
		thing Thing
		want  string
	}{
		{Thing{Kind: Files, ID: "113"}, "113"},
		{Thing{Kind: Exports, ID: "116"}, "116"},
		{Thing{Kind: Imports, ID: "112", Source: "113"}, "113"},
		{Thing{Kind: Imports, ID: "112"}, ""},
		{Thing{Kind: Processes, ID: "118"}, ""},
	} {
		test.thing.Model = model
		got, ok := test.thing.File()
		if ok != (test.want != "") || got.ID != test.want || ok && (got.Kind != Files || got.Model != model) {
			t.Errorf("%s: %+v, %v", test.thing, got, ok)
		}
	}
}

func TestNear(t *testing.T) {
	var all []listed
	for _, name := range []string{"Load sales", "Load sales", "Load costs", "Load sale", "Unload sales", "x", strings.Repeat("long", 99)} {
		all = append(all, listed{Name: text(name)})
	}
	for wanted, want := range map[string][]string{
		"load sales":             {"Load sales", "Load sale", "Unload sales"},
		"LOAD COST":              {"Load costs", "Load sale"},
		"nothing like that":      nil,
		"":                       nil,
		strings.Repeat("x", 999): nil,
	} {
		if got := near(wanted, all); wanted != "LOAD COST" && !slices.Equal(got, want) || wanted == "LOAD COST" && got[0] != want[0] {
			t.Errorf("near %q are %q, want %q", wanted, got, want)
		}
	}
}

// paged answers with pages of two out of five, as meta.paging says; odd changes what it says.
func paged(odd func(paging map[string]int64)) (http.HandlerFunc, *[]string) {
	var queries []string
	return func(w http.ResponseWriter, r *http.Request) {
		queries = append(queries, r.URL.RawQuery)
		var offset int64
		fmt.Sscan(r.URL.Query().Get("offset"), &offset)
		size := max(min(2, 5-offset), 0)
		paging := map[string]int64{"currentPageSize": size, "totalSize": 5, "offset": offset}
		if odd != nil {
			odd(paging)
		}
		fmt.Fprintf(w, `{"meta":{"schema":"s","paging":{"currentPageSize":%d,"totalSize":%d,"offset":%d,"next":"https://elsewhere.example/"}}`,
			paging["currentPageSize"], paging["totalSize"], paging["offset"])
		io.WriteString(w, `,"status":{"code":200},"things":[`)
		for i := offset; i < offset+size; i++ {
			if i > offset {
				io.WriteString(w, ", ")
			}
			fmt.Fprintf(w, `{"id":"%d","name":"n%d"}`, i, i)
		}
		io.WriteString(w, `],"tail":[]}`)
	}, &queries
}

func TestPages(t *testing.T) {
	handler, queries := paged(nil)
	all, err := served(handler).list(t.Context(), "/2/0/things", "things")
	if err != nil || len(all) != 5 || all[4].Name != "n4" {
		t.Errorf("%v, %v", all, err)
	}
	if diff := cmp.Diff([]string{"limit=5000", "limit=5000&offset=2", "limit=5000&offset=4"}, *queries); diff != "" {
		t.Error(diff)
	}
}

func TestOddPages(t *testing.T) {
	for _, test := range []struct {
		name  string
		odd   func(map[string]int64)
		words string // of the error; "": none
	}{
		{"an end before the end", func(p map[string]int64) { p["totalSize"] = 99 }, "the list ends after"},
		{"no size", func(p map[string]int64) { p["currentPageSize"] = 0 }, "the list ends after 0 of 5"},
		{"negative", func(p map[string]int64) { p["currentPageSize"] = -5 }, "its meta.paging does not have counts"},
		{"offset stays", func(p map[string]int64) { p["offset"] = 0 }, ""},
		{"offset runs", func(p map[string]int64) { p["offset"] = 1 << 62 }, ""},
		{"overflow", func(p map[string]int64) { p["currentPageSize"], p["totalSize"] = 1<<62, 1<<63-1 }, ""},
		{"for ever", func(p map[string]int64) { p["currentPageSize"], p["totalSize"] = 1, 1<<40 }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			handler, queries := paged(test.odd)
			client := served(handler)
			if test.name == "for ever" {
				client = served(func(w http.ResponseWriter, r *http.Request) {
					*queries = append(*queries, "")
					things := strings.Repeat(`{"id":"1"},`, 40_000)
					fmt.Fprintf(w, `{"meta":{"paging":{"currentPageSize":%d,"totalSize":%d}},"things":[%s]}`, 40_000, int64(1)<<40, strings.TrimSuffix(things, ","))
				})
				test.words = "there are more than 100000 things"
			}
			_, err := client.list(t.Context(), "/2/0/things", "things")
			if test.words != "" {
				wantError(t, err, test.words)
			} else if err != nil {
				t.Error(err)
			}
			if len(*queries) > 60 {
				t.Errorf("%d requests", len(*queries))
			}
		})
	}
}

func TestListsThatAreNone(t *testing.T) {
	for body, words := range map[string]string{
		`[]`:                                    "it is not a JSON object",
		`{"meta":3,"things":[]}`:                "its meta is not an object",
		`{"meta":{"paging":[]},"things":[]}`:    "its meta.paging does not have counts",
		`{"meta":{"paging":{"totalSize":"x"}}}`: "its meta.paging does not have counts",
		`{"things":{"id":"1"}}`:                 "there is no list of things as things",
		`{"things":["x"]}`:                      "there is no list of things as things",
	} {
		_, err := served(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) }).list(t.Context(), "/2/0/things", "things")
		wantError(t, err, words)
		if !errors.Is(err, ErrResponse) {
			t.Errorf("error %v", err)
		}
	}
	for _, body := range []string{`{}`, `{"things":null}`, `{"meta":null,"things":[]}`, `{"meta":{"paging":null}}`} {
		all, err := served(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) }).list(t.Context(), "/2/0/things", "things")
		if err != nil || len(all) != 0 {
			t.Errorf("%s: %v, %v", body, all, err)
		}
	}
}

// A name is found that looks like the one that is wanted, if there is only one; where there are
// several, each is shown so that they can be told apart, with its id.
func TestFindLookalikes(t *testing.T) {
	const composed, decomposed = "\u00c4pfel", "A\u0308pfel"
	r := newRig(t, nil)
	model := Model{ID: anaplantest.PlanID}
	rename := func(name, to string) {
		if err := r.Server.Rename(name, to); err != nil {
			t.Fatal(err)
		}
	}
	rename("Nightly load", decomposed+" ")
	if got, err := r.client.FindThing(t.Context(), model, Processes, composed); err != nil || got.ID != "118000000001" {
		t.Errorf("%+v, error %v", got, err)
	}
	rename("Publish", composed)
	if got, err := r.client.FindThing(t.Context(), model, Processes, composed); err != nil || got.ID != "118000000006" {
		t.Errorf("%+v, error %v", got, err)
	}
	_, err := r.client.FindThing(t.Context(), model, Processes, decomposed)
	want := `there are 2 processes that look like "A\u0308pfel", give the id: 118000000001 is "A\u0308pfel ", 118000000006 is "\u00c4pfel"`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// What looks like the name that is wanted, and does not mean the same, is told with its id.
func TestFindNoLookalikes(t *testing.T) {
	r, last := newRig(t, nil), "Nightly load"
	for _, test := range []struct{ name, wanted, words string }{
		{"Nightly\u00a0load", "Nightly load", `there is no process "Nightly load" in model 6D203BA7549241C7BEE26C93DE987F12; what looks like it is another name: give the id: 118000000001 is "Nightly\u00a0load"`},
		{"\ufeffNightly load", "Nightly load", `118000000001 is "\ufeffNightly load"`},
		{"Nightly lo\u0430d", "Nightly load", `118000000001 is "Nightly lo\u0430d"`},
		{"Nightly load", "Nightly\u00a0load", `there is no process "Nightly\u00a0load" in model 6D203BA7549241C7BEE26C93DE987F12; what looks like it is another name: give the id: 118000000001 is "Nightly load"`},
		{"Night\u200bly loads", "Nightly load", `is it "Night\u200bly loads"?`},
	} {
		if err := r.Server.Rename(last, test.name); err != nil {
			t.Fatal(err)
		}
		last = test.name
		_, err := r.client.FindThing(t.Context(), Model{ID: anaplantest.PlanID}, Processes, test.wanted)
		wantError(t, err, test.words)
	}
}
