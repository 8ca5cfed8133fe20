package anaplantest_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What real clients were seen to call is there: package policy keeps the recordings.
func TestRecordedCalls(t *testing.T) {
	files, err := filepath.Glob("../policy/testdata/clients/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no recordings: %v", err)
	}
	c := newCaller(t, nil)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			method, path, _ := strings.Cut(strings.TrimSpace(line), " ")
			if method == "#" {
				continue
			}
			before := c.server.Counts().Requests["/"]
			// What they ask for may not be there; only that there is such a request is looked at. The
			// agent sends paths in one form.
			request, err := http.NewRequestWithContext(t.Context(), method, c.server.URL+"/"+strings.Trim(path, "/"), strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := c.server.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if c.server.Counts().Requests["/"] != before {
				t.Errorf("%s: the service has nothing at %s %s", filepath.Base(file), method, path)
			}
		}
	}
}
