package integration

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// What is too large for one answer comes in pages, and is the same.
func TestReadLarge(t *testing.T) {
	small, large := newRig(t, nil), newRig(t, &anaplantest.Options{MaxRead: 1, ChunkSize: 40})
	for kind, name := range map[Kind]string{Lists: "Products", Views: "Sales.By product"} {
		direct := func(r *rig) (string, error) {
			path := map[Kind]string{Lists: "/items?includeAll=true", Views: "/data"}[kind]
			response, err := r.client.Do(t.Context(), http.MethodGet, r.find(t, kind, name).path()+path, nil, nil, http.Header{"Accept": {"text/csv"}})
			if err != nil {
				return "", err
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusOK {
				refusal, _ := Refusal(http.MethodGet, path, response)
				return "", refusal
			}
			text, err := io.ReadAll(response.Body)
			return string(text), err
		}
		want, err := direct(small)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := direct(large); !IsTooLarge(err) {
			t.Errorf("%s: error %v", name, err)
		}
		var got strings.Builder
		var last Transfer
		thing := large.find(t, kind, name)
		if err := large.client.ReadLarge(t.Context(), thing, &got, func(t Transfer) { last = t }); err != nil || got.String() != want {
			t.Errorf("%s: %v, %q, want %q", name, err, got.String(), want)
		}
		if last.Bytes != int64(len(want)) || last.Chunks != last.Of || last.Of < 2 {
			t.Errorf("%s: %+v", name, last)
		}
		ended := fmt.Sprintf("DELETE /2/0/workspaces/{ws}/models/{m}/%s/{id}/readRequests/{request}", kind)
		if n := large.Counts().Requests[ended]; n != 1 {
			t.Errorf("%s: %d requests were ended: %v", name, n, large.Counts().Requests)
		}
	}
}

// readRequest answers as Anaplan does for a read request, with these states in turn, and pages.
func readRequest(states []string, pages ...string) *Client {
	looks := 0
	return served(func(w http.ResponseWriter, r *http.Request) {
		state := states[min(looks, len(states)-1)]
		switch at := strings.LastIndex(r.URL.Path, "/pages/"); {
		case at >= 0:
			var n int
			fmt.Sscan(r.URL.Path[at+len("/pages/"):], &n)
			io.WriteString(w, pages[n])
		case r.Method == http.MethodGet:
			looks++
			fmt.Fprintf(w, `{"listReadRequest":{"requestId":"A1",%s,"availablePages":%d}}`, state, len(pages))
		default:
			io.WriteString(w, `{"listReadRequest":{"requestId":"A1","requestState":"NOT_STARTED"}}`)
		}
	})
}

func TestReadLargeEnds(t *testing.T) {
	list := Thing{Kind: Lists, ID: "101000000001", Name: "Products", Model: Model{ID: "M"}}
	const going, done = `"requestState":"IN_PROGRESS"`, `"requestState":"COMPLETE","successful":true`
	for _, test := range []struct {
		states []string
		pages  []string
		want   string
		err    error
	}{
		{[]string{`"requestState":"NOT_STARTED"`, going, done}, []string{"id,name\n1,a\n", "2,b\n"}, "id,name\n1,a\n2,b\n", nil},
		{[]string{done}, []string{"id,name\n1,a\n", "id,name\n2,b\n", "id,name\n3,c"}, "id,name\n1,a\n2,b\n3,c", nil},
		{[]string{done}, []string{"id,na", "me\n1,a", "\n2,b\n"}, "id,name\n1,a\n2,b\n", nil},
		{[]string{done}, nil, "", nil},
		{[]string{going, `"requestState":"COMPLETE","successful":false`}, []string{"id\n"}, "", ErrLargeRead},
		{[]string{`"requestState":"CANCELLED"`}, []string{"id\n"}, "", ErrLargeRead},
		{[]string{`"requestState":"COMPLETE","requestId":"../x"`}, []string{"id\n"}, "", ErrResponse},
	} {
		client := readRequest(test.states, test.pages...)
		client.PollPause = time.Millisecond
		var got strings.Builder
		if err := client.ReadLarge(t.Context(), list, &got, nil); !errors.Is(err, test.err) || got.String() != test.want {
			t.Errorf("%v %q: %q, error %v", test.states, test.pages, got.String(), err)
		}
	}
}
