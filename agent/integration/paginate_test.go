package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

func paginate(t testing.TB, client *Client, path string, query url.Values) (string, error) {
	t.Helper()
	var got bytes.Buffer
	err := client.Paginate(t.Context(), path, query, &got)
	return got.String(), err
}

// pagesOf answers page after page, by the offsets that are asked for.
func pagesOf(pages map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, pages[r.URL.Query().Get("offset")])
	}
}

// pageText is a page of three things in all.
func pageText(size, offset int, rest string) string {
	return fmt.Sprintf(`{"meta":{"paging":{"currentPageSize":%d,"totalSize":3,"offset":%d}}%s}`, size, offset, rest)
}

func TestPaginateMerges(t *testing.T) {
	for name, test := range map[string]struct {
		pages map[string]string
		path  string
		want  string
	}{
		"list last": {map[string]string{
			"":  pageText(2, 0, `, "a": [ {"x":1} , 2 ] `),
			"2": pageText(1, 2, `,"a":["é\u00e9"]`),
		}, "/p", `{"meta":{"paging":{"currentPageSize":2,"totalSize":3,"offset":0}}, "a": [{"x":1} , 2,"é\u00e9"] }`},
		"list in the middle": {map[string]string{
			"":  pageText(2, 0, `,"a":[1,2],"z":{"b":[1]}`),
			"2": pageText(1, 2, `,"a":[3],"z":null`),
		}, "/p", `{"meta":{"paging":{"currentPageSize":2,"totalSize":3,"offset":0}},"a":[1,2,3],"z":{"b":[1]}}`},
		"list first": {map[string]string{
			"":  `{"a":[1],"meta":{"paging":{"currentPageSize":2,"totalSize":3}}}`,
			"2": `{"meta":{},"a":[]}`,
		}, "/p", `{"a":[1],"meta":{"paging":{"currentPageSize":2,"totalSize":3}}}`},
		"empty page first": {map[string]string{
			"":  pageText(2, 0, `,"a":[ ]`),
			"2": pageText(1, 2, `,"a":[3]`),
		}, "/p", `{"meta":{"paging":{"currentPageSize":2,"totalSize":3,"offset":0}},"a":[3]}`},
		"from an offset": {map[string]string{
			"1": pageText(1, 1, `,"a":[2]`),
			"2": pageText(1, 2, `,"a":[3]`),
		}, "/p?offset=1", `{"meta":{"paging":{"currentPageSize":1,"totalSize":3,"offset":1}},"a":[2,3]}`},
		"one page": {map[string]string{"": pageText(3, 0, `,"a":[1, 2],"b":[3]`)}, "/p", pageText(3, 0, `,"a":[1, 2],"b":[3]`)},
		"no list":  {map[string]string{"": `{"user":{"id":"1"}}`}, "/p", `{"user":{"id":"1"}}`},
		"nothing":  {map[string]string{"": `{"meta":{"paging":{"currentPageSize":0,"totalSize":0,"offset":0}}}`}, "/p", `{"meta":{"paging":{"currentPageSize":0,"totalSize":0,"offset":0}}}`},
		"keys to quote": {map[string]string{
			"":  pageText(2, 0, `,"a\"<é":[1],"b\\":2`),
			"2": pageText(1, 2, `,"a\"<é":[2]`),
		}, "/p", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := paginate(t, served(pagesOf(test.pages)), test.path, nil)
			if err != nil || !json.Valid([]byte(got)) || test.want != "" && got != test.want {
				t.Errorf("got  %s\nwant %s\n%v", got, test.want, err)
			}
			var fields map[string]any
			if err := json.Unmarshal([]byte(got), &fields); name == "keys to quote" && (err != nil || len(fields[`a"<é`].([]any)) != 2 || fields[`b\`] != 2.0) {
				t.Errorf("%s: %v", got, err)
			}
		})
	}
}

func TestPaginateNonsense(t *testing.T) {
	for words, pages := range map[string]map[string]string{
		"there are two lists in it, a and b, and more pages":       {"": pageText(2, 0, `,"a":[1],"b":[2]`)},
		"there is no list in it, and more pages":                   {"": pageText(2, 0, `,"a":1`)},
		"the first page has a list of a, and a later one has none": {"": pageText(2, 0, `,"a":[1]`), "2": pageText(1, 2, ``)},
		"it is not a JSON object":                                  {"": `[1]`},
		"it is not the JSON that it should be":                     {"": "a,b\n"},
		"the list ends after 2 of 3":                               {"": pageText(2, 0, `,"a":[1]`), "2": pageText(0, 2, `,"a":[]`)},
	} {
		_, err := paginate(t, served(pagesOf(pages)), "/p", nil)
		wantError(t, err, words)
		if !errors.Is(err, ErrResponse) {
			t.Errorf("error %v", err)
		}
	}
	_, err := paginate(t, served(nil), "/p?%zz", nil)
	wantError(t, err, `the query "%zz" cannot be used`)
	_, err = paginate(t, served(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) }), "/p", nil)
	wantError(t, err, "there is no such thing")
	client := served(pagesOf(map[string]string{"": pageText(2, 0, `,"a":[1]`), "2": pageText(1, 2, `,"a":[2]`)}))
	for n := range 3 {
		if err := client.Paginate(t.Context(), "/p", nil, &fullDisk{n * 70}); n < 2 && err == nil {
			t.Errorf("nobody could write %d bytes", n*70)
		}
	}
}

func TestPaginateAtAnaplan(t *testing.T) {
	r := newRig(t, &anaplantest.Options{Things: 20, PageSize: 3})
	r.Fault("GET "+planPath+"/processes", 1, anaplantest.CutInside())
	got, err := paginate(t, r.client, planPath+"/processes", nil)
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Processes []struct{ ID, Name string }
	}
	if err := json.Unmarshal([]byte(got), &list); err != nil || len(list.Processes) != 22 {
		t.Errorf("%d processes: %v", len(list.Processes), err)
	}
	seen := map[string]bool{}
	for _, process := range list.Processes {
		seen[process.ID] = true
	}
	if len(seen) != 22 || strings.Count(got, `"meta"`) != 1 {
		t.Errorf("%s", got)
	}
	if diff := cmp.Diff("Process 20", list.Processes[21].Name); diff != "" {
		t.Error(diff)
	}
}
