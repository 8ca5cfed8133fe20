package anaplantest_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

const (
	salesPath  = planPath + "/files/113000000001"
	pricesPath = planPath + "/files/113000000002"
	reportPath = planPath + "/files/116000000001"
)

// with is do with headers, "Name: value" each, beside the token.
func (c *caller) with(method, path, token, body string, headers ...string) reply {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Authorization", token)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := c.server.Client().Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply{c.t, response.StatusCode, response.Header, text}
}

const octets = "Content-Type: application/octet-stream"

// content is what a test finds in a file; "none" if there is nothing.
func (c *caller) content(name string) string {
	c.t.Helper()
	content, ok := c.server.FileContent(name)
	if !ok {
		return "none"
	}
	return string(content)
}

// chunkCount is how many chunks the list of files tells.
func (c *caller) chunkCount(token, name string) any {
	c.t.Helper()
	files, _ := c.get(planPath+"/files", token).want(200).listing("files")
	for _, file := range files {
		if file["name"] == name {
			return file["chunkCount"]
		}
	}
	c.t.Fatalf("no file %s", name)
	return nil
}

// An upload of a known number of chunks ends with the last one that was missing, and
// can then be read as it was cut.
func TestUploadChunks(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	begun := c.do("POST", salesPath, token, `{"chunkCount":3}`).want(200).one("file")
	if begun["id"] != "113000000001" || begun["chunkCount"] != 3. {
		t.Errorf("file %v", begun)
	}
	for _, n := range []string{"2", "0", "0"} {
		c.with("PUT", salesPath+"/chunks/"+n, token, "chunk "+n+"\n", octets).want(204)
	}
	if got := c.content("Sales.csv"); got != "none" {
		t.Errorf("before the last chunk there is %q", got)
	}
	c.get(salesPath, token).want(404)
	c.get(salesPath+"/chunks/0", token).want(404)
	c.with("PUT", salesPath+"/chunks/1", token, "chunk 1\n", octets).want(204)

	whole := "chunk 0\nchunk 1\nchunk 2\n"
	if got := c.content("Sales.csv"); got != whole {
		t.Errorf("content %q", got)
	}
	if got := string(c.get(salesPath, token).want(200).body); got != whole {
		t.Errorf("GET gives %q", got)
	}
	r := c.get(salesPath+"/chunks/1", token).want(200)
	if string(r.body) != "chunk 1\n" || r.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("chunk %q of type %s", r.body, r.header.Get("Content-Type"))
	}
	want := []named{{"0", "Chunk 0"}, {"1", "Chunk 1"}, {"2", "Chunk 2"}}
	if diff := cmp.Diff(want, c.get(salesPath+"/chunks", token).want(200).names("chunks")); diff != "" {
		t.Error(diff)
	}
	if got := c.chunkCount(token, "Sales.csv"); got != 3. {
		t.Errorf("chunkCount %v", got)
	}
	// The client that never saw the last answer tries again.
	c.with("PUT", salesPath+"/chunks/1", token, "again\n", octets).want(204)
	c.do("POST", salesPath+"/complete", token, "{}").want(200)
	if got := c.content("Sales.csv"); got != "chunk 0\nagain\nchunk 2\n" {
		t.Errorf("content %q", got)
	}
}

// The chunks that were announced are listed at once: Anaplan Connect sends those of the list, and
// with an empty one it would send nothing and end well.
func TestAnnouncedChunks(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	c.do("POST", salesPath, token, `{"chunkCount":2}`).want(200)
	want := []named{{"0", "Chunk 0"}, {"1", "Chunk 1"}}
	for range 2 {
		if diff := cmp.Diff(want, c.get(salesPath+"/chunks", token).want(200).names("chunks")); diff != "" {
			t.Error(diff)
		}
		c.with("PUT", salesPath+"/chunks/1", token, "b", octets).want(204)
	}
	c.with("PUT", salesPath+"/chunks/0", token, "a", octets).want(204)
	if got := c.content("Sales.csv"); got != "ab" {
		t.Errorf("content %q", got)
	}
	c.do("POST", salesPath, token, `{"chunkCount":-1}`).want(200)
	if got := c.get(salesPath+"/chunks", token).want(200).names("chunks"); len(got) != 0 {
		t.Errorf("of an unknown number there are %v", got)
	}
}

// An upload of chunks whose number nobody knew ends when the client says so. Until
// then there is what was there before.
func TestUploadComplete(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	before := c.content("Prices.csv")
	c.do("POST", pricesPath, token, `{"chunkCount":-1}`).want(200)
	c.do("POST", pricesPath+"/complete", token, "{}").want(400)
	c.with("PUT", pricesPath+"/chunks/0", token, "a", octets).want(204)
	c.with("PUT", pricesPath+"/chunks/2", token, "c", octets).want(204)
	c.do("POST", pricesPath+"/complete", token, "{}").want(400) // chunk 1 is missing
	if got := c.content("Prices.csv"); got != before {
		t.Errorf("content %q", got)
	}
	c.with("PUT", pricesPath+"/chunks/1", token, "", octets).want(204)
	file := c.do("POST", pricesPath+"/complete", token, `{"id":"113000000002","name":"Prices.csv","chunkCount":3}`).want(200).one("file")
	if got := c.content("Prices.csv"); got != "ac" || file["chunkCount"] != 3. {
		t.Errorf("content %q of file %v", got, file)
	}
	c.with("PUT", pricesPath+"/chunks/3", token, "d", octets).want(400) // it is complete
	c.do("DELETE", pricesPath, token, "").want(204)
	if got := c.content("Prices.csv"); got != before {
		t.Errorf("after DELETE there is %q", got)
	}
}

// All at once, nothing at all, and what a test sets.
func TestWholeFile(t *testing.T) {
	c := newCaller(t, &anaplantest.Options{ChunkSize: 4})
	token := c.token()
	c.with("PUT", salesPath, token, "all of it", octets).want(204)
	if got := c.content("Sales.csv"); got != "all of it" || c.chunkCount(token, "Sales.csv") != 1. {
		t.Errorf("content %q", got)
	}
	c.with("PUT", salesPath, token, "", octets).want(204)
	if got := c.get(salesPath, token).want(200); len(got.body) != 0 || c.content("Sales.csv") != "" {
		t.Errorf("an empty file holds %q", got.body)
	}
	if err := c.server.SetFile("Sales.csv", []byte("123456789")); err != nil {
		t.Fatal(err)
	}
	if got := c.chunkCount(token, "Sales.csv"); got != 3. {
		t.Errorf("chunkCount %v", got)
	}
	if got := string(c.get(salesPath+"/chunks/2", token).want(200).body); got != "9" {
		t.Errorf("the last chunk is %q", got)
	}
	c.do("DELETE", salesPath, token, "").want(204)
	c.get(salesPath, token).want(404)
	if items, paging := c.get(salesPath+"/chunks", token).want(200).listing("chunks"); items != nil || paging["totalSize"] != 0. {
		t.Errorf("chunks %v", items)
	}
	if err := c.server.SetFile("Sale.csv", nil); !errors.Is(err, anaplantest.ErrNoSuchThing) {
		t.Errorf("error %v", err)
	}
}

func TestUploadRefusals(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	c.with("PUT", salesPath+"/chunks/0", token, "x", octets).want(400) // not begun
	for _, body := range []string{"", "x", "{}", `{"chunkCount":0}`, `{"chunkCount":-2}`, `{"chunkCount":1001}`, `{"chunkCount":"1"}`} {
		c.do("POST", salesPath, token, body).want(400).api()
	}
	c.do("POST", salesPath, token, `{"chunkCount":2}`).want(200)
	for _, n := range []string{"2", "-1", "x"} {
		c.with("PUT", salesPath+"/chunks/"+n, token, "x", octets).want(400).api()
	}
	c.do("POST", salesPath+"/complete", token, "{}").want(400)
	for _, call := range []struct{ method, path string }{
		{"POST", reportPath}, {"PUT", reportPath}, {"PUT", reportPath + "/chunks/0"}, {"POST", reportPath + "/complete"},
	} {
		c.with(call.method, call.path, token, `{"chunkCount":1}`).want(400).api()
	}
	for _, call := range []struct{ method, suffix string }{{"POST", ""}, {"PUT", ""}, {"DELETE", ""}, {"PUT", "/chunks/0"}, {"POST", "/complete"}} {
		c.with(call.method, planPath+"/files/113000000009"+call.suffix, token, "").want(404).api()
	}
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var buffer bytes.Buffer
	w := gzip.NewWriter(&buffer)
	if _, err := io.Copy(w, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return buffer.String()
}

// Chunks may come compressed, which their type tells; whole files may not.
func TestPackedUpload(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	const gzipped = "Content-Type: application/x-gzip"
	c.do("POST", salesPath, token, `{"chunkCount":1}`).want(200)
	c.with("PUT", salesPath+"/chunks/0", token, "not packed", gzipped).want(400).api()
	c.with("PUT", salesPath+"/chunks/0", token, packed(t, "rows")[:20], gzipped).want(400).api()
	c.with("PUT", salesPath+"/chunks/0", token, packed(t, "rows"), gzipped).want(204)
	if got := c.content("Sales.csv"); got != "rows" {
		t.Errorf("content %q", got)
	}
	c.with("PUT", salesPath, token, packed(t, "rows"), gzipped).want(415).api()
}

// Parts of a file, and compressed files. A client that says nothing of either gets
// what it asks for.
func TestDownload(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	if err := c.server.SetFile("Sales.csv", []byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path, header, body string
		status             int
	}{
		{salesPath + "/chunks/0", "Range: bytes=2-4", "234", 206},
		{salesPath + "/chunks/0", "Range: bytes=8-", "89", 206},
		{salesPath, "Range: bytes=-3", "789", 206},
		{salesPath + "/chunks/0", "Accept-Encoding: identity", "0123456789", 200},
		{salesPath + "/chunks/0", "Accept-Encoding: gzip;q=0.0, br", "0123456789", 200},
		{salesPath + "/chunks/0", "Accept-Encoding: br, GZIP; q=0.5", "gzip:0123456789", 200},
		{salesPath, "Accept-Encoding: gzip", "gzip:0123456789", 200},
	} {
		r := c.with("GET", test.path, token, "", test.header).want(test.status)
		got := string(r.body)
		if r.header.Get("Content-Encoding") == "gzip" {
			reader, err := gzip.NewReader(strings.NewReader(got))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := io.ReadAll(reader)
			if err != nil {
				t.Error(err)
			}
			got = "gzip:" + string(plain)
		}
		if got != test.body {
			t.Errorf("%s: %q, want %q", test.header, got, test.body)
		}
	}
	c.with("GET", salesPath, token, "", "Range: bytes=20-").want(416)
	if r := c.with("GET", salesPath, token, "", "Range: bytes=0-3", "Accept-Encoding: gzip").want(206); string(r.body) != "0123" {
		t.Errorf("a part is %q", r.body)
	}
}

// Requests and files have their bounds. Those of files can be set, so that a test need
// not fill the memory.
func TestFileBounds(t *testing.T) {
	c := newCaller(t, &anaplantest.Options{MaxChunk: 500, MaxContent: 700})
	token := c.token()
	text := strings.Repeat("x", 400)
	c.do("POST", salesPath, token, `{"chunkCount":-1}`).want(200)
	chunk := func(n int) string { return salesPath + "/chunks/" + strconv.Itoa(n) }
	const gzipped = "Content-Type: application/x-gzip"
	for _, test := range []struct {
		name, method, path, contentType, body string
		want                                  int
	}{
		{"a body of 2 MiB", "POST", salesPath, "Content-Type: application/json", strings.Repeat("x", 2<<20), 413},
		{"a chunk of 501 bytes", "PUT", chunk(0), octets, text + text[:101], 413},
		{"a file of 501 bytes", "PUT", pricesPath, octets, text + text[:101], 413},
		{"a packed chunk of 800 bytes", "PUT", chunk(0), gzipped, packed(t, text+text), 413},
		{"a packed chunk of 400 bytes", "PUT", chunk(0), gzipped, packed(t, text), 204},
		{"another one", "PUT", chunk(1), octets, text, 413},
		{"the same one again", "PUT", chunk(0), octets, text, 204},
		{"a file beside it", "PUT", pricesPath, octets, text, 413},
		{"chunk 1000", "PUT", chunk(1000), octets, "x", 400},
	} {
		if got := c.with(test.method, test.path, token, test.body, test.contentType).status; got != test.want {
			t.Errorf("%s: status %d, want %d", test.name, got, test.want)
		}
	}
	if err := c.server.SetFile("Prices.csv", []byte(text)); err == nil {
		t.Error("SetFile went over the bound")
	}
}

// A chunk may have 50 MiB; no other request may have as much.
func TestLargeChunk(t *testing.T) {
	service := anaplantest.New(nil)
	token := "AnaplanAuthToken " + loginTo(t, service)
	for _, test := range []struct {
		path string
		size int64
		want int
	}{
		{salesPath, 50 << 20, 204},
		{salesPath, 50<<20 + 1, 413},
	} {
		r := httptest.NewRequest("PUT", test.path, io.LimitReader(endless{}, test.size))
		r.Header.Set("Authorization", token)
		w := httptest.NewRecorder()
		service.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%d bytes: status %d, want %d", test.size, w.Code, test.want)
		}
	}
}

// endless is a body of zeros.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// loginTo logs in to a service that has no server, and returns the token's value.
func loginTo(t *testing.T, service *anaplantest.Service) string {
	t.Helper()
	cert, err := newCA(t).IssueForKey(rsaKey().Public(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.RegisterCertificate(cert); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/token/authenticate", strings.NewReader(signedBody(t, "v2", v2Message(service.Now()))))
	r.Header.Set("Authorization", pemHeader(cert))
	w := httptest.NewRecorder()
	service.ServeHTTP(w, r)
	return reply{t, w.Code, w.Header(), w.Body.Bytes()}.want(201).token().TokenInfo.TokenValue
}

// Chunks come from several connections at once, and lists are read meanwhile.
func TestUploadsTogether(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	c.do("POST", salesPath, token, `{"chunkCount":20}`).want(200)
	done := make(chan error)
	var want strings.Builder
	for n := range 20 {
		text := strings.Repeat(strconv.Itoa(n), 1000)
		want.WriteString(text)
		go func() {
			_, err := c.try("PUT", salesPath+"/chunks/"+strconv.Itoa(n), token, text)
			c.try("GET", planPath+"/files", token, "")
			done <- err
		}()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := c.content("Sales.csv"); got != want.String() {
		t.Errorf("content of %d bytes, want %d", len(got), want.Len())
	}
}
