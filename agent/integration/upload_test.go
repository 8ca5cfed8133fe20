package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

const chunksPath = planPath + "/files/113000000001/chunks/"

// someText is n bytes of which no two parts are alike.
func someText(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d,é,%x\n", i, i*i)
	}
	return b.Bytes()[:n]
}

// pipe hides that a reader can seek.
func pipe(content []byte) io.Reader { return io.MultiReader(bytes.NewReader(content)) }

func TestUpload(t *testing.T) {
	r := newRig(t, nil)
	file := r.find(t, Files, "Sales.csv")
	for _, size := range []int{0, 1, 9, 10, 11, 20, 95} {
		content := someText(size)
		for _, known := range []int64{int64(size), -1} {
			before := r.Counts().Requests
			var last Transfer
			steps := 0
			err := r.client.Upload(t.Context(), file, Upload{
				Content: pipe(content), Size: known, ChunkSize: 10,
				Progress: func(done Transfer) {
					steps += done.Chunks - last.Chunks
					last = done
				},
			})
			got, ok := r.FileContent("Sales.csv")
			if err != nil || !ok || !bytes.Equal(got, content) {
				t.Errorf("%d bytes (size %d): %q, %v: %v", size, known, got, ok, err)
			}
			chunks := max(1, (size+9)/10)
			want := Transfer{Bytes: int64(size), Total: known, Chunks: chunks, Of: chunks, Sent: int64(size)}
			if known < 0 {
				want.Of = -1
			}
			if last != want || steps != chunks {
				t.Errorf("%d bytes (size %d): %d steps up to %+v, want %+v", size, known, steps, last, want)
			}
			completed := 0
			for route, n := range r.Counts().Requests {
				if strings.HasSuffix(route, "/complete") {
					completed += n - before[route]
				}
			}
			if (completed == 1) != (known < 0) {
				t.Errorf("size %d: completed %d times", known, completed)
			}
		}
	}
}

func TestUploadSurvives(t *testing.T) {
	for _, known := range []bool{true, false} {
		r := newRig(t, nil)
		file := r.find(t, Files, "Sales.csv")
		base := planPath + "/files/113000000001"
		for _, path := range []string{"POST " + base, "PUT " + chunksPath + "0", "PUT " + chunksPath + "3", "PUT " + chunksPath + "9", "POST " + base + "/complete"} {
			for _, fault := range []anaplantest.Fault{anaplantest.Cut(), anaplantest.CutAfter(), anaplantest.Unavailable(), anaplantest.Failing(504)} {
				r.Fault(path, 1, fault)
			}
		}
		content := someText(95)
		upload := Upload{Content: pipe(content), Size: -1, ChunkSize: 10}
		if known {
			upload.Size = 95
		}
		if err := r.client.Upload(t.Context(), file, upload); err != nil {
			t.Fatal(err)
		}
		if got, _ := r.FileContent("Sales.csv"); !bytes.Equal(got, content) {
			t.Errorf("content %q", got)
		}
		if n := strings.Count(r.notes.all(), "trying again"); n < 12 {
			t.Errorf("told of %d failures", n)
		}
	}
}

func TestUploadOfWhatChanges(t *testing.T) {
	r := newRig(t, nil)
	file := r.find(t, Files, "Sales.csv")
	if err := r.SetFile("Sales.csv", []byte("old")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		content io.Reader
		size    int64
		words   string
	}{
		{bytes.NewReader(someText(25)), 30, "should have 30 bytes, and ends after 25; has it changed?"},
		{bytes.NewReader(someText(25)), 31, "should have 31 bytes, and ends after 25"},
		{bytes.NewReader(someText(31)), 30, "has more than the 30 bytes that it should have"},
		{bytes.NewReader(someText(1)), 0, "has more than the 0 bytes"},
		{&brokenReader{strings.NewReader("abc")}, 30, "reading what is to be sent: the disk is gone"},
		{&brokenReader{strings.NewReader("abc")}, -1, "reading what is to be sent: the disk is gone"},
	} {
		r.Fault("POST "+file.path(), 1, func(w http.ResponseWriter, request *http.Request, next http.Handler) {
			if test.size <= 10 { // one chunk, which can be read before anything is said
				t.Errorf("%s: %s was asked", test.words, request.URL.Path)
			}
			next.ServeHTTP(w, request)
		})
		err := r.client.Upload(t.Context(), file, Upload{Content: test.content, Size: test.size, ChunkSize: 10})
		wantError(t, err, test.words)
		if got, _ := r.FileContent("Sales.csv"); string(got) != "old" {
			t.Errorf("%s: the file has %q", test.words, got)
		}
	}
}

// uploads takes uploads and counts.
type uploads struct {
	mu            sync.Mutex
	count, chunks int
	longest       int64
	last          string
}

func (u *uploads) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == "PUT" {
		n, _ := io.Copy(io.Discard, r.Body)
		u.mu.Lock()
		defer u.mu.Unlock()
		u.longest = max(u.longest, n)
		u.chunks++
		w.WriteHeader(http.StatusNoContent)
		return
	}
	body, _ := io.ReadAll(r.Body)
	u.last = string(body)
	fmt.Sscanf(u.last, `{"chunkCount":%d}`, &u.count)
	io.WriteString(w, `{"file":{"id":"113"}}`)
}

func TestBoundsOfChunks(t *testing.T) {
	file := Thing{Kind: Files, ID: "113", Name: "a.csv", Model: Model{ID: "M"}}
	// A file of known size gets as large chunks as it takes.
	u := &uploads{}
	if err := served(u.serve).Upload(t.Context(), file, Upload{Content: bytes.NewReader(someText(25_001)), Size: 25_001, ChunkSize: 10}); err != nil {
		t.Fatal(err)
	}
	if u.count != 962 || u.chunks != 962 || u.longest != 26 || u.last != `{"chunkCount":962}` {
		t.Errorf("%+v", u)
	}
	// One of unknown size cannot.
	u = &uploads{}
	err := served(u.serve).Upload(t.Context(), file, Upload{Content: bytes.NewReader(someText(10_001)), Size: -1, ChunkSize: 10})
	wantError(t, err, "a file can have 1000 chunks, and there are more of 10 bytes; take larger ones, up to 50000000")
	if u.chunks != 1000 || strings.Contains(u.last, "id") {
		t.Errorf("%+v", u)
	}
	u = &uploads{}
	err = served(u.serve).Upload(t.Context(), file, Upload{Content: bytes.NewReader(someText(10_000)), Size: -1, ChunkSize: 10})
	if err != nil || u.chunks != 1000 || u.last != `{"id":"113","name":"a.csv","chunkCount":1000}` {
		t.Errorf("%+v: %v", u, err)
	}
	for _, test := range []struct {
		file   Thing
		upload Upload
		words  string
	}{
		{file, Upload{Size: 50_000_000_001}, "there are 50000000001 bytes, and a file can have 50000000000"},
		{file, Upload{ChunkSize: 50_000_001}, "the chunk size is 50000001 bytes; it can be 1 to 50000000"},
		{file, Upload{ChunkSize: -1}, "the chunk size is -1 bytes"},
		{Thing{Kind: Exports, ID: "116", Name: "b.csv"}, Upload{}, `only files are uploaded to, and this is export "b.csv"`},
	} {
		u = &uploads{}
		wantError(t, served(u.serve).Upload(t.Context(), test.file, test.upload), test.words)
		if u.last != "" {
			t.Errorf("%s: something was sent", test.words)
		}
	}
}

func TestUploadToNowhere(t *testing.T) {
	client := served(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"file":{"id":"113000000099","name":"113"}}`)
	})
	err := client.Upload(t.Context(), Thing{Kind: Files, ID: "113"}, Upload{Content: strings.NewReader("x"), Size: 1})
	wantError(t, err, "there was no file 113, and Anaplan has made a new one, 113000000099, which no import reads")
}

func TestChunkAtTheEndOfAToken(t *testing.T) {
	const chunk = 100 << 10
	for failures, want := range map[int]int{1: 2, 2: 2} {
		asked := 0
		client := served(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "PUT" {
				if asked++; asked <= failures {
					w.WriteHeader(http.StatusUnauthorized)
				}
				return
			}
			io.WriteString(w, "{}")
		})
		err := client.Upload(t.Context(), Thing{Kind: Files, ID: "113"}, Upload{Content: bytes.NewReader(make([]byte, chunk)), Size: chunk, Plain: true})
		if asked != want || (err == nil) != (failures == 1) {
			t.Errorf("%d failures: sent %d times: %v", failures, asked, err)
		}
	}
}

func TestChunkTakenByAPortal(t *testing.T) {
	r := newRig(t, nil)
	r.Fault("PUT "+chunksPath+"0", 1, anaplantest.NotJSON())
	err := r.client.Upload(t.Context(), r.find(t, Files, "Sales.csv"), Upload{Content: strings.NewReader("x"), Size: 1})
	wantError(t, err, "a web page came")
}

// TestUploadIsPacked: chunks of text come packed, and come out as they were; what is packed already is
// sent as it is. Several are under way at once, and no more than there are slots.
func TestUploadIsPacked(t *testing.T) {
	const size = 300 << 10
	noise := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(noise)
	for _, test := range []struct {
		name    string
		content []byte
		plain   bool
		form    string
		most    int64
	}{
		{"text", someText(size), false, "application/x-gzip", size / 2},
		{"text as it is", someText(size), true, "application/octet-stream", size},
		{"noise", noise, false, "application/octet-stream", size},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, nil)
			var mu sync.Mutex
			forms, now, at := map[string]int{}, 0, 0
			together := make(chan struct{})
			r.Fault("PUT "+chunksPath, 10, func(w http.ResponseWriter, q *http.Request, real http.Handler) {
				mu.Lock()
				forms[q.Header.Get("Content-Type")]++
				now++
				at = max(at, now)
				if now == 3 {
					close(together)
				}
				mu.Unlock()
				<-together // three are here
				real.ServeHTTP(w, q)
				mu.Lock()
				now--
				mu.Unlock()
			})
			var last Transfer
			err := r.client.Upload(t.Context(), r.find(t, Files, "Sales.csv"), Upload{
				Content: bytes.NewReader(test.content), Size: size, ChunkSize: 100 << 10, Plain: test.plain, Slots: NewSlots(3),
				Progress: func(done Transfer) {
					if done.Chunks < last.Chunks || done.Sent < last.Sent {
						t.Errorf("from %+v to %+v", last, done)
					}
					last = done
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := r.FileContent("Sales.csv"); !bytes.Equal(got, test.content) {
				t.Errorf("%d bytes, and others", len(got))
			}
			if len(forms) != 1 || forms[test.form] != 3 || at != 3 {
				t.Errorf("chunks came as %v, %d at once", forms, at)
			}
			if last.Bytes != size || last.Chunks != 3 || last.Sent > test.most || test.plain != (last.Sent == size) && test.name != "noise" {
				t.Errorf("at the end %+v", last)
			}
		})
	}
}

// TestFailedChunkEndsTheOthers: the first failure is the error, and nothing is left under way.
func TestFailedChunkEndsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &Client{Base: "https://x", HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			status := http.StatusOK
			switch {
			case strings.HasSuffix(r.URL.Path, "/chunks/2"):
				status = http.StatusForbidden
			case r.Method == http.MethodPut:
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{}`)), Request: r}, nil
		})}}
		slots := NewSlots(4)
		err := client.Upload(t.Context(), Thing{Kind: Files, ID: "113"}, Upload{Content: bytes.NewReader(someText(100)), Size: 100, ChunkSize: 10, Slots: slots})
		wantError(t, err, "/chunks/2: ", "may not do that (HTTP 403)")
		if len(slots) != 0 {
			t.Errorf("%d slots are taken", len(slots))
		}
	})
}

// TestUploadHoldsFewChunks sends 200 MB through chunks of one.
func TestUploadHoldsFewChunks(t *testing.T) {
	const chunk, chunks = 1 << 20, 200
	most := uint64(0)
	client := &Client{Base: "https://x", HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			io.Copy(io.Discard, r.Body)
		}
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{}`)), Request: r}, nil
	})}}
	var begin runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&begin)
	err := client.Upload(t.Context(), Thing{Kind: Files, ID: "113"}, Upload{
		Content: io.LimitReader(zeros{}, chunk*chunks), Size: -1, ChunkSize: chunk,
		Progress: func(Transfer) {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most = max(most, now.TotalAlloc-begin.TotalAlloc)
		},
	})
	if err != nil || most > 20*chunk {
		t.Errorf("%d bytes were allocated in all: %v", most, err)
	}
}

func TestDownload(t *testing.T) {
	r := newRig(t, &anaplantest.Options{ChunkSize: 1000})
	export := r.find(t, Exports, "Report.csv")
	for _, size := range []int{0, 1, 1000, 1001, 5555} {
		content := someText(size)
		if err := r.SetFile("Report.csv", content); err != nil {
			t.Fatal(err)
		}
		r.run(t, export)
		file, _ := export.File()
		for _, thing := range []Thing{export, file} {
			var got bytes.Buffer
			var last Transfer
			err := r.client.Download(t.Context(), thing, &got, func(done Transfer) { last = done })
			if err != nil || !bytes.Equal(got.Bytes(), content) {
				t.Errorf("%d bytes came as %d: %v", size, got.Len(), err)
			}
			chunks := max(1, (size+999)/1000)
			if want := (Transfer{Bytes: int64(size), Total: -1, Chunks: chunks, Of: chunks}); last != want {
				t.Errorf("progress %+v, want %+v", last, want)
			}
		}
	}
}

func TestDownloadSurvives(t *testing.T) {
	r := newRig(t, &anaplantest.Options{ChunkSize: 300_000})
	content := someText(1_000_000)
	if err := r.SetFile("Sales.csv", content); err != nil {
		t.Fatal(err)
	}
	file := r.find(t, Files, "Sales.csv")
	r.Fault(strings.TrimSuffix(chunksPath, "/"), 2, anaplantest.Cut())
	r.Fault(chunksPath+"0", 12, anaplantest.CutInside()) // more than are borne without progress
	r.Fault(chunksPath+"1", 1, anaplantest.Cut())
	r.Fault(chunksPath+"2", 1, anaplantest.CutInside())
	r.Fault(chunksPath+"2", 1, anaplantest.Unavailable())
	r.Fault(chunksPath+"3", 1, anaplantest.CutInside())
	var got bytes.Buffer
	if err := r.client.Download(t.Context(), file, &got, nil); err != nil || !bytes.Equal(got.Bytes(), content) {
		t.Errorf("%d of %d bytes: %v", got.Len(), len(content), err)
	}
}

// broken answers for one chunk of content, and breaks off after each step bytes.
type broken struct {
	content string
	step    int
	ranges  bool
	asked   []string
}

func (b *broken) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/chunks") {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"chunks":[{"id":"0"}]}`)), Request: r}, nil
	}
	b.asked = append(b.asked, r.Header.Get("Range"))
	if r.Header.Get("Accept-Encoding") != "identity" {
		return nil, errors.New("it could come compressed")
	}
	from, status, header := 0, 200, http.Header{}
	if b.ranges {
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
	}
	if from > 0 {
		status = 206
		header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(b.content)-1, len(b.content)))
	}
	left := b.content[from:]
	got := left[:min(len(left), b.step)]
	if !b.ranges {
		got = left[:min(len(left), b.step*len(b.asked))]
	}
	response := &http.Response{StatusCode: status, Header: header, ContentLength: int64(len(left)), Request: r}
	response.Body = io.NopCloser(&cutReader{strings.NewReader(got), len(got) < len(left)})
	return response, nil
}

// cutReader ends as a connection that breaks.
type cutReader struct {
	io.Reader
	early bool
}

func (c *cutReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF && c.early {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestDownloadGoesOnWhereItBroke(t *testing.T) {
	content := string(someText(100))
	for _, ranges := range []bool{true, false} {
		b := &broken{content: content, step: 30, ranges: ranges}
		client := &Client{Base: "https://x", HTTP: &http.Client{Transport: b}, Retry: quick}
		var got bytes.Buffer
		err := client.Download(t.Context(), Thing{Kind: Files, ID: "113"}, &got, nil)
		if err != nil || got.String() != content {
			t.Errorf("ranges %v: %q: %v", ranges, got.String(), err)
		}
		if diff := cmp.Diff([]string{"", "bytes=30-", "bytes=60-", "bytes=90-"}, b.asked); diff != "" {
			t.Error(diff)
		}
	}
}

func TestDownloadOfWhatChanges(t *testing.T) {
	content := string(someText(100))
	for name, second := range map[string]func(*http.Response){
		"shorter than what is here": func(r *http.Response) { r.StatusCode = 416 },
		"another length":            func(r *http.Response) { r.ContentLength = 7 },
		"another ETag":              func(r *http.Response) { r.Header.Set("ETag", `"b"`) },
		"shorter, all of it": func(r *http.Response) {
			r.StatusCode, r.ContentLength, r.Body = 200, -1, io.NopCloser(strings.NewReader("short"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := &broken{content: content, step: 30, ranges: true}
			client := &Client{Base: "https://x", Retry: quick, HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				response, err := b.RoundTrip(r)
				if err == nil {
					response.Header.Set("ETag", `"a"`)
				}
				if len(b.asked) == 2 {
					if r.Header.Get("If-Range") != `"a"` {
						t.Errorf("header %v", r.Header)
					}
					second(response)
				}
				return response, err
			})}}
			err := client.Download(t.Context(), Thing{Kind: Files, ID: "113", Name: "a.csv"}, io.Discard, nil)
			wantError(t, err, `downloading file "a.csv": it has changed while it was downloaded; begin again`)
			if len(b.asked) != 2 {
				t.Errorf("asked %d times", len(b.asked))
			}
		})
	}
}

func TestDownloadOfNonsense(t *testing.T) {
	header := func(name, value string) func(*http.Response) {
		return func(r *http.Response) { r.Header.Set(name, value) }
	}
	for words, spoil := range map[string]func(*http.Response){
		"it is compressed, which was not asked for": header("Content-Encoding", "gzip"),
		"a web page came": header("Content-Type", "text/html"),
		"it is of another range than was asked for": func(r *http.Response) { r.StatusCode = 206; header("Content-Range", "bytes 5-9/10")(r) },
		"this user may not do that (HTTP 403)":      func(r *http.Response) { r.StatusCode = 403 },
		"the answer points elsewhere":               func(r *http.Response) { r.StatusCode = 307; header("Location", "https://elsewhere.example/")(r) },
	} {
		b := &broken{content: "0123456789", step: 100}
		client := &Client{Base: "https://x", Retry: quick, HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			response, err := b.RoundTrip(r)
			if len(b.asked) > 0 {
				spoil(response)
			}
			return response, err
		})}}
		var got bytes.Buffer
		err := client.Download(t.Context(), Thing{Kind: Files, ID: "113"}, &got, nil)
		wantError(t, err, words)
		if len(b.asked) != 1 || got.Len() != 0 {
			t.Errorf("%s: asked %d times, wrote %q", words, len(b.asked), got.String())
		}
	}
	client := served(listOf("chunks", `{"id":"../../x"}`))
	wantError(t, client.Download(t.Context(), Thing{Kind: Files, ID: "113"}, io.Discard, nil), `a chunk has the id "../../x"`)
}

func TestDownloadOfNothing(t *testing.T) {
	r := newRig(t, nil)
	for _, thing := range []Thing{r.find(t, Files, "Sales.csv"), r.find(t, Exports, "Report.csv")} {
		if err := r.client.Download(t.Context(), thing, io.Discard, nil); !errors.Is(err, ErrNoContent) {
			t.Errorf("%s: error %v, want ErrNoContent", thing, err)
		}
	}
	for _, kind := range []Kind{Imports, Processes, Actions} {
		err := r.client.Download(t.Context(), Thing{Kind: kind, ID: "1", Source: "2"}, io.Discard, nil)
		wantError(t, err, "has no content to download")
	}
}

func TestDownloadWithoutChunks(t *testing.T) {
	client := served(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/chunks") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		io.WriteString(w, "whole")
	})
	var got bytes.Buffer
	if err := client.Download(t.Context(), Thing{Kind: Files, ID: "113"}, &got, nil); err != nil || got.String() != "whole" {
		t.Errorf("%q: %v", got.String(), err)
	}
}

// fullDisk takes n bytes.
type fullDisk struct{ n int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.n {
		return d.n, errors.New("no space left")
	}
	d.n -= len(p)
	return len(p), nil
}

func TestDownloadThatCannotBeWritten(t *testing.T) {
	b := &broken{content: string(someText(100)), step: 1000}
	client := &Client{Base: "https://x", HTTP: &http.Client{Transport: b}, Retry: quick}
	err := client.Download(t.Context(), Thing{Kind: Files, ID: "113"}, &fullDisk{50}, nil)
	wantError(t, err, "writing what is downloaded: no space left")
	if len(b.asked) != 1 {
		t.Errorf("asked %d times", len(b.asked))
	}
}

func TestDumps(t *testing.T) {
	r := newRig(t, &anaplantest.Options{ChunkSize: 20})
	rows := "Product,Amount\nA,1\nbad,2\nB,3\n"
	if err := r.SetFile("Sales.csv", []byte(rows)); err != nil {
		t.Fatal(err)
	}
	for _, thing := range []Thing{r.find(t, Imports, "Sales from Sales.csv"), r.find(t, Processes, "Nightly load")} {
		task := r.run(t, thing)
		dumps := Dumps(thing, task)
		if len(dumps) != 1 || (dumps[0].ObjectID != "") != (thing.Kind == Processes) {
			t.Fatalf("%s: task %+v, dumps %+v", thing, task.Result, dumps)
		}
		var got bytes.Buffer
		chunks := 0
		if err := r.client.DownloadDump(t.Context(), dumps[0], &got, func(done Transfer) { chunks = done.Chunks }); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got.String(), "bad,2") || strings.Contains(got.String(), "A,1") || chunks < 2 {
			t.Errorf("%s: %d chunks, %q", thing, chunks, got.String())
		}
	}
	// Those of another run are gone.
	gone := Dump{Thing: r.find(t, Imports, "Sales from Sales.csv"), TaskID: "0123"}
	err := r.client.DownloadDump(t.Context(), gone, io.Discard, nil)
	wantError(t, err, "downloading what was not imported: it has no content")
	if !errors.Is(err, ErrNoContent) {
		t.Errorf("error %v", err)
	}
}

func TestDumpsOf(t *testing.T) {
	with := func(id string, nested ...Result) Result {
		return Result{ObjectID: id, FailureDumpAvailable: true, Nested: nested}
	}
	ids := func(kind Kind, result *Result) (got []string) {
		for _, dump := range Dumps(Thing{Kind: kind, ID: "1"}, Task{ID: "T", Result: result}) {
			got = append(got, dump.ObjectID)
		}
		return got
	}
	process := with("118", with("1"), Result{ObjectID: "2"}, with("3", with("4")), with("1"), with(""))
	if diff := cmp.Diff([]string{"1", "3", "4"}, ids(Processes, &process)); diff != "" {
		t.Error(diff)
	}
	own := with("112")
	if diff := cmp.Diff([]string{""}, ids(Imports, &own)); diff != "" {
		t.Error(diff)
	}
	if got := ids(Imports, nil); got != nil {
		t.Errorf("%q", got)
	}
	if got := ids(Imports, &Result{}); got != nil {
		t.Errorf("%q", got)
	}
}
