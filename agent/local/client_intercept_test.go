package local_test

import (
	"bufio"
	"io"
	"net/http"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// A program's proxy speaks to the agent on a connection of its own, in a client's name.
func TestClientDial(t *testing.T) {
	client := impostor(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Method+" "+r.RequestURI+" "+r.Header.Get(local.HeaderClient)+r.Header.Get(local.HeaderProfile))
	})
	conn, err := client.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request, err := http.NewRequest(http.MethodGet, "http://agent/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = local.As{Profile: "default", Client: "nightly"}.Header()
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(response.Body); err != nil || string(got) != "GET /x nightly" {
		t.Errorf("got %q, %v", got, err)
	}
	if got := (local.As{Profile: "default"}).Header().Get(local.HeaderProfile); got != "default" {
		t.Errorf("for a profile: %q", got)
	}
}
