package integration

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// stopping takes so many bytes, and ends its process with the next.
type stopping struct {
	bytes.Buffer
	most int
	stop context.CancelCauseFunc
}

var errKilled = errors.New("killed")

// Write implements io.Writer.
func (s *stopping) Write(p []byte) (int, error) {
	if s.Len()+len(p) > s.most {
		s.stop(errKilled)
		n, _ := s.Buffer.Write(p[:max(0, s.most-s.Len())])
		return n, errKilled
	}
	return s.Buffer.Write(p)
}

// TestDownloadGoesOnInAnotherProcess: wherever the first one ended, the next one has the same content
// at the end, and does not fetch again what is there.
func TestDownloadGoesOnInAnotherProcess(t *testing.T) {
	r := newRig(t, &anaplantest.Options{ChunkSize: 40 << 10})
	content := someText(200 << 10)
	if err := r.SetFile("Sales.csv", content); err != nil {
		t.Fatal(err)
	}
	file := r.find(t, Files, "Sales.csv")
	for _, at := range []int{1, 20 << 10, 40 << 10, 41 << 10, 160 << 10, 200<<10 - 1} {
		ctx, stop := context.WithCancelCause(t.Context())
		first := &stopping{most: at, stop: stop}
		var ends []int64
		err := r.client.Resume(ctx, file, first, Resume{Leave: func(m Mark) { ends = m.Ends }}, nil)
		if !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		mark := Mark{Of: 5, Ends: ends, At: int64(first.Len())}
		if can, err := r.client.CanResume(t.Context(), file, mark, bytes.NewReader(first.Bytes())); !can || err != nil {
			t.Fatalf("at %d: %v, %v", at, can, err)
		}
		var came Transfer
		before := first.Len()
		if err := r.client.Resume(t.Context(), file, &first.Buffer, Resume{From: mark}, func(now Transfer) { came = now }); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), content) || came.Bytes != int64(len(content)) || came.Chunks != 5 {
			t.Errorf("at %d: %d bytes behind %d, %+v", at, first.Len(), before, came)
		}
	}
}

// TestWhatChangedIsNotGoneOnWith: another length, another number of chunks, other content at the end
// or in a chunk, and marks that are none.
func TestWhatChangedIsNotGoneOnWith(t *testing.T) {
	const chunk = 100
	r := newRig(t, &anaplantest.Options{ChunkSize: chunk})
	content := someText(5 * chunk)
	file := r.find(t, Files, "Sales.csv")
	good := Mark{Of: 5, Ends: []int64{100, 200}, At: 250}
	for _, test := range []struct {
		name string
		now  []byte
		mark Mark
		want bool
	}{
		{"the same", content, good, true},
		{"at the end of a chunk", content, Mark{Of: 5, Ends: []int64{100, 200}, At: 200}, true},
		{"the end", slices.Concat(content[:249], []byte("!"), content[250:]), good, false},
		{"a chunk", slices.Concat([]byte("!"), content[1:]), good, false},
		{"fewer chunks", content[:4*chunk], good, false},
		{"other lengths", content, Mark{Of: 5, Ends: []int64{90, 200}, At: 250}, false},
		{"nothing", content, Mark{Of: 5}, false},
		{"nonsense", content, Mark{Of: 1, Ends: []int64{100, 200}, At: 250}, false},
		{"backwards", content, Mark{Of: 5, Ends: []int64{200, 100}, At: 250}, false},
		{"below", content, Mark{Of: 5, Ends: []int64{-100, 200}, At: 250}, false},
		{"more than there is", content, Mark{Of: 5, Ends: []int64{100, 200}, At: 290}, false},
	} {
		if err := r.SetFile("Sales.csv", test.now); err != nil {
			t.Fatal(err)
		}
		can, err := r.client.CanResume(t.Context(), file, test.mark, bytes.NewReader(content[:250]))
		if can != test.want || err != nil {
			t.Errorf("%s: %v, %v", test.name, can, err)
		}
	}
}

// TestResumeWithoutRanges: a server that knows none sends all of a chunk again.
func TestResumeWithoutRanges(t *testing.T) {
	r := newRig(t, &anaplantest.Options{ChunkSize: 100})
	content := someText(300)
	if err := r.SetFile("Sales.csv", content); err != nil {
		t.Fatal(err)
	}
	file := r.find(t, Files, "Sales.csv")
	r.Fault("GET "+chunksPath, 100, func(w http.ResponseWriter, q *http.Request, real http.Handler) {
		q.Header.Del("Range")
		real.ServeHTTP(w, q)
	})
	mark := Mark{Of: 3, Ends: []int64{100}, At: 130}
	have := bytes.NewBuffer(slices.Clone(content[:130]))
	if can, err := r.client.CanResume(t.Context(), file, mark, bytes.NewReader(content[:130])); !can || err != nil {
		t.Fatalf("%v, %v", can, err)
	}
	if err := r.client.Resume(t.Context(), file, have, Resume{From: mark}, nil); err != nil || !bytes.Equal(have.Bytes(), content) {
		t.Errorf("%d bytes: %v", have.Len(), err)
	}
}
