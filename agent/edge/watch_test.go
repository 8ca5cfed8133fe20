package edge

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// silent is a member that answers nothing on connections that are there. lives: it does on new ones.
func (f *fleet) silent(lives bool) (one *member, begin func()) {
	f.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	guard := f.machine("127.0.0.1").Guard()
	asked, release := make(chan struct{}, 8), make(chan struct{})
	served := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			return
		}
		if r.URL.Path == "/answer" {
			io.WriteString(w, "the beginning")
			w.(http.Flusher).Flush()
		}
		asked <- struct{}{}
		<-release
	})}
	go served.Serve(&guardedListener{listener, guard.Protect})
	f.t.Cleanup(func() { served.Close() })
	members := f.edge(addressOf(f.t, listener))
	one = members.all[0]
	one.patience = 20 * time.Millisecond
	return one, func() {
		<-asked
		if !lives {
			listener.Close()
			return
		}
		time.Sleep(5 * one.patience) // in which it is looked at several times
		close(release)
	}
}

// TestFrozenMember: a call is not given up while its member lives, however long that takes, and soon when
// it does not.
func TestFrozenMember(t *testing.T) {
	f := newFleet(t)
	good, _ := f.answers(text("second"))
	for _, test := range []struct {
		method, path string
		lives        bool
		want         string // of the answer, or of the error
	}{
		{"GET", "/2/0/x", true, ""},
		{"GET", "/2/0/x", false, "second"},
		{"POST", "/2/0/x", false, "it takes connections, and answers nothing"},
		{"GET", "/answer", false, "the beginning"},
	} {
		one, begin := f.silent(test.lives)
		members := f.edge(one.URI, good)
		members.all[0] = one
		go begin()
		req, err := http.NewRequestWithContext(t.Context(), test.method, members.Base()+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := members.RoundTrip(req)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			var body []byte
			body, err = io.ReadAll(response.Body)
			got = string(body)
			response.Body.Close()
		}
		if isCut := test.path == "/answer"; !strings.HasPrefix(got, test.want) || (err != nil) != (isCut || test.method == "POST") {
			t.Errorf("%s %s, lives: %v: %q, %v", test.method, test.path, test.lives, got, err)
		}
	}
}
