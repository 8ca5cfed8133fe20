package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/agent/lookalike"
)

func wantName(t testing.TB, c *Catalog, kind, workspace, model, id, want string) {
	t.Helper()
	got, err := c.Name(t.Context(), kind, workspace, model, id)
	if want != "" && !strings.HasPrefix(want, "=") { // nothing else looks like it
		want = lookalike.Any(want)
	}
	if err != nil || got != strings.TrimPrefix(want, "=") {
		t.Errorf("%s %s of %q %q is %q, want %q: %v", kind, id, workspace, model, got, want, err)
	}
}

func TestCatalog(t *testing.T) {
	r := newRig(t, &anaplantest.Options{Things: 9, PageSize: 4})
	c := NewCatalog(r.client)
	for _, plan := range []string{anaplantest.PlanID, strings.ToLower(anaplantest.PlanID)} {
		for _, finance := range []string{"", anaplantest.FinanceID, strings.ToUpper(anaplantest.FinanceID)} {
			wantName(t, c, "models", finance, "", plan, "Plan")
			wantName(t, c, "processes", finance, plan, "118000000001", "Nightly load")
			wantName(t, c, "processes", finance, plan, "118000001009", "Process 9")
			wantName(t, c, "imports", finance, plan, "112000000001", "Sales from Sales.csv")
			wantName(t, c, "exports", finance, plan, "116000000001", "Report.csv")
			wantName(t, c, "actions", finance, plan, "117000000002", "Sort products")
			wantName(t, c, "files", finance, plan, "113000000001", "Sales.csv")
			wantName(t, c, "files", finance, plan, "999", "")
		}
		// A model below a workspace that is not its own.
		wantName(t, c, "models", anaplantest.WorkspaceID, "", plan, "")
		wantName(t, c, "processes", anaplantest.WorkspaceID, plan, "118000000001", "")
	}
	for _, finance := range []string{anaplantest.FinanceID, strings.ToUpper(anaplantest.FinanceID)} {
		wantName(t, c, "workspaces", "", "", finance, "Finance")
	}
	wantName(t, c, "processes", "", "0123456789", "118000000001", "")
	// Each list was asked for once, whatever the case.
	for route, n := range r.Counts().Requests {
		if pages := 3; n > 3*pages {
			t.Errorf("%s: %d requests", route, n)
		}
	}
}

func TestCatalogTakesNoPathsForIDs(t *testing.T) {
	c := NewCatalog(served(func(w http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s", r.URL) }))
	for _, test := range [][4]string{
		{"models", "", "", "../x"}, {"models", "a/b", "", "1"}, {"processes", "", "..", "1"}, {"processes", "", "m?x", "1"},
		{"processes", "", "", "1"}, {"users", "", "", "1"}, {"", "", "", "1"}, {"workspaces", "w", "", "1"}, {"models", "", "m", "1"},
		{"processes", "w", "m", ""}, {"processes", "w", "m", strings.Repeat("1", 65)},
	} {
		wantName(t, c, test[0], test[1], test[2], test[3], "")
	}
}

// isModels answers the list of models, in which things are looked for: M, N, and M0 to M299.
func isModels(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != "/2/0/models" {
		return false
	}
	io.WriteString(w, `{"models":[{"id":"M","name":"m","currentWorkspaceId":"w"},{"id":"N","name":"n","currentWorkspaceId":"w"}`)
	for i := range 300 {
		fmt.Fprintf(w, `,{"id":"M%d","name":"m%d","currentWorkspaceId":"w"}`, i, i)
	}
	io.WriteString(w, "]}")
	return true
}

// shelf is a list that changes, and counts how often it is asked for.
type shelf struct {
	mu     sync.Mutex
	things string
	asked  int
	fail   http.HandlerFunc // nil: it answers
}

func (s *shelf) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isModels(w, r) {
		return
	}
	s.asked++
	if s.fail != nil {
		s.fail(w, r)
		return
	}
	key := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	fmt.Fprintf(w, `{%q:[%s]}`, key, s.things)
}

func TestNamesThatAreNotUnique(t *testing.T) {
	s := &shelf{things: `{"id":"A","name":"one"},{"id":"B","name":"two"},{"id":"C","name":"two"},{"id":"D","name":"two"},
		{"id":"E","name":"twice"},{"id":"e","name":"twice"},{"id":"F","name":"f"},{"id":"F","name":"other"},{"id":"G","name":"f"},{"id":"H"}`}
	c := NewCatalog(served(s.serve))
	for id, want := range map[string]string{"A": "one", "a": "one", "B": "", "C": "", "D": "", "E": "twice", "F": "", "G": "", "H": ""} {
		wantName(t, c, "processes", "", "M", id, want)
	}
	if s.asked != 1 {
		t.Errorf("asked %d times", s.asked)
	}
}

// Names that look alike are told apart as they are written, and one of which there is only one that
// looks like it goes by its looks.
func TestNamesThatLookAlike(t *testing.T) {
	s := &shelf{things: `{"id":"A","name":"\u00c4pfel"},{"id":"B","name":"A\u0308pfel"},{"id":"C","name":"Birnen "},{"id":"D","name":"Kirschen "},
		{"id":"E","name":"Kirschen"},{"id":"F","name":"Kirschen"}`}
	c := NewCatalog(served(s.serve))
	for id, want := range map[string]string{"A": "=\u00c4pfel", "B": "=A\u0308pfel", "C": "Birnen", "D": "=Kirschen ", "E": "", "F": ""} {
		wantName(t, c, "processes", "", "M", id, want)
	}
}

// A client chooses the ids in a path. That must not make the agent ask for lists that do not exist,
// nor choose among which models a name is unique.
func TestCatalogOfIDsThatACallerMadeUp(t *testing.T) {
	var asked []string
	c := NewCatalog(served(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		if r.URL.Path == "/2/0/models" {
			io.WriteString(w, `{"models":[{"id":"A","name":"Plan","currentWorkspaceId":"1"},{"id":"B","name":"Plan","currentWorkspaceId":"2"},
				{"id":"C","name":"Other","currentWorkspaceId":"2"},{"id":"D","name":"Twice","currentWorkspaceId":"2"},{"id":"E","name":"Twice","currentWorkspaceId":"2"}]}`)
			return
		}
		io.WriteString(w, `{"processes":[{"id":"7","name":"Load"}]}`)
	}))
	for i := range 50 {
		wantName(t, c, "processes", fmt.Sprint("9", i), "C", "7", "")
		wantName(t, c, "processes", "", fmt.Sprint("9", i), "7", "")
		wantName(t, c, "models", fmt.Sprint("9", i), "", "A", "")
	}
	wantName(t, c, "models", "", "", "A", "")
	wantName(t, c, "models", "1", "", "A", "Plan")
	wantName(t, c, "models", "2", "", "A", "")
	wantName(t, c, "models", "2", "", "b", "Plan")
	wantName(t, c, "models", "2", "", "D", "")
	wantName(t, c, "models", "", "", "C", "Other")
	wantName(t, c, "processes", "", "c", "7", "Load")
	wantName(t, c, "processes", "2", "C", "7", "Load")
	if want := []string{"/2/0/models", "/2/0/workspaces/2/models/C/processes"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

func TestCatalogAsksAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{things: `{"id":"1","name":"old"}`}
		c := NewCatalog(served(s.serve))
		name := func(id, want string, asked int) {
			t.Helper()
			wantName(t, c, "processes", "", "M", id, want)
			if s.asked != asked {
				t.Fatalf("asked %d times, want %d", s.asked, asked)
			}
		}
		name("1", "old", 1)
		s.things = `{"id":"1","name":"new"},{"id":"2","name":"two"}`
		name("2", "", 1) // asked for just now
		time.Sleep(9 * time.Second)
		name("2", "", 1)
		time.Sleep(2 * time.Second)
		name("1", "old", 1) // believed
		name("2", "two", 2)
		name("1", "new", 2)
		name("3", "", 2)
		time.Sleep(4*time.Minute + 59*time.Second)
		name("1", "new", 2)
		time.Sleep(2 * time.Second)
		name("1", "new", 3)

		// What is not told any more is not believed any more.
		time.Sleep(6 * time.Minute)
		s.fail = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(501) }
		_, err := c.Name(t.Context(), "processes", "", "M", "1")
		wantError(t, err, "Anaplan fails")
		s.fail = nil
		name("1", "new", 5)
	})
}

func TestCatalogOfWhatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{fail: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) }}
		c := NewCatalog(served(s.serve))
		for range 100 {
			wantName(t, c, "processes", "", "M", "1", "")
		}
		if s.asked != 1 {
			t.Errorf("asked %d times", s.asked)
		}
		// The agent's own 404 says something else.
		s.fail = problem("unknown_profile", 404)
		_, err := c.Name(t.Context(), "processes", "", "N", "1")
		wantError(t, err, "refused by the agent")
	})
}

func TestCatalogAsksOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := NewCatalog(served(func(w http.ResponseWriter, r *http.Request) {
			if isModels(w, r) {
				return
			}
			asked++
			time.Sleep(time.Second)
			if r.Context().Err() == nil {
				io.WriteString(w, `{"processes":[{"id":"1","name":"one"}]}`)
			}
		}))
		// The one who asks first does not wait for the answer; the others get it.
		first, leave := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Name(first, "processes", "", "M", "1"); !errors.Is(err, gone) {
				t.Errorf("error %v", err)
			}
		})
		synctest.Wait()
		for range 100 {
			wg.Go(func() { wantName(t, c, "processes", "", "M", "1", "one") })
		}
		synctest.Wait()
		leave(gone)
		wg.Wait()
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	})
}

func TestCatalogGivesUpWhenNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := 0
		hang := true
		c := NewCatalog(served(func(w http.ResponseWriter, r *http.Request) {
			if isModels(w, r) {
				return
			}
			if hang {
				<-r.Context().Done()
				ended++
				return
			}
			io.WriteString(w, `{"processes":[{"id":"1","name":"one"}]}`)
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Name(ctx, "processes", "", "M", "1")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		synctest.Wait()
		if ended != 1 || len(c.flights) != 0 {
			t.Errorf("%d ended, %d under way", ended, len(c.flights))
		}
		hang = false
		wantName(t, c, "processes", "", "M", "1", "one")

		hang = true
		begun := time.Now()
		_, err = c.Name(t.Context(), "processes", "", "N", "1")
		if took := time.Since(begun); took != listingTime || !errors.Is(err, errTooLong) || !IsTransient(err) {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestCatalogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{things: `{"id":"1","name":"one"},{"id":"2","name":"two"}`}
		c := NewCatalog(served(s.serve))
		for i := range 300 {
			wantName(t, c, "processes", "", fmt.Sprintf("M%d", i), "1", "one")
			wantName(t, c, "processes", "", "M0", "1", "one") // in use all the time
			time.Sleep(time.Millisecond)
		}
		if s.asked != 300 || len(c.listings) != mostListings || c.things != 2*(mostListings-1)+302 {
			t.Errorf("asked %d times, %d listings of %d things", s.asked, len(c.listings), c.things)
		}

		var many strings.Builder
		for i := range 100_000 {
			fmt.Fprintf(&many, `{"id":"%d","name":"n%d"},`, i, i)
		}
		s.things = many.String()[:many.Len()-1]
		for i := range 5 {
			wantName(t, c, "files", "", fmt.Sprintf("M%d", i), "99999", "n99999")
			time.Sleep(time.Millisecond)
		}
		if len(c.listings) != 4 || c.things != 300_302 {
			t.Errorf("%d listings of %d things", len(c.listings), c.things)
		}
		s.things += `,{"id":"x"}`
		_, err := c.Name(t.Context(), "files", "", "M9", "1")
		wantError(t, err, "there are more than 100000 files")
	})
}
