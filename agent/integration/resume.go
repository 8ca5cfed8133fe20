package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Mark is how far a download has come, as another process needs it to go on.
type Mark struct {
	Of   int     `json:"of"`   // pieces that there are: chunks, or one
	Ends []int64 `json:"ends"` // where those end that are complete
	At   int64   `json:"at"`   // where the content ends, so far
}

// Resume lets a download go on where another process has left it, and leaves marks for the next one.
type Resume struct {
	// From is where it goes on, which [Client.CanResume] has allowed. The zero value: at the beginning.
	From Mark

	// Leave is told from time to time how far it is. All of that has been written. nil: nobody.
	Leave func(Mark)
}

// markEvery is how much comes between two marks within a chunk.
const markEvery = 4 << 20

// Resume is Download from a mark on: what is written to w belongs behind what From counts.
func (c *Client) Resume(ctx context.Context, thing Thing, w io.Writer, resume Resume, progress func(Transfer)) error {
	path, err := thing.contentPath()
	if err != nil {
		return err
	}
	resume.From.Ends = slices.Clone(resume.From.Ends)
	if err := c.download(ctx, path, w, resume, progress); err != nil {
		return fmt.Errorf("downloading %s: %w", thing, err)
	}
	return nil
}

func (t Thing) contentPath() (string, error) {
	file, ok := t.File()
	if !ok || t.Kind == Imports {
		return "", fmt.Errorf("%s has no content to download", t)
	}
	return file.path(), nil
}

// end is where the last complete piece ends.
func (m Mark) end() int64 {
	if len(m.Ends) == 0 {
		return 0
	}
	return m.Ends[len(m.Ends)-1]
}

// isSound reports whether a mark can be of a download; it comes from a file.
func (m Mark) isSound() bool {
	return m.At > 0 && m.At >= m.end() && len(m.Ends) <= m.Of && slices.IsSorted(m.Ends) && (len(m.Ends) == 0 || m.Ends[0] >= 0)
}

// mark leaves a mark.
func (d *download) mark() {
	d.marked = d.done.Bytes
	if d.resume.Leave != nil {
		d.resume.Leave(Mark{Of: d.done.Of, Ends: slices.Clone(d.resume.From.Ends), At: d.done.Bytes})
	}
}

const (
	mostSamples = 8
	sampleSize  = 16 << 10
)

// CanResume reports whether what a process has left is the beginning of what is there now: there are
// as many pieces, they are as long, and samples of them are the same: the end of what was left,
// and places left to chance in up to eight complete pieces, the first and the last among them.
// That costs a request each. What changed elsewhere only, and not in length, is not seen.
func (c *Client) CanResume(ctx context.Context, thing Thing, mark Mark, have io.ReaderAt) (bool, error) {
	path, err := thing.contentPath()
	if err != nil || !mark.isSound() {
		return false, err
	}
	pieces, err := c.pieces(ctx, path)
	if err != nil || len(pieces) != mark.Of {
		return false, err
	}
	for _, s := range mark.samples() {
		want := make([]byte, s.size)
		if _, err := have.ReadAt(want, s.begin+s.offset); err != nil {
			return false, nil // it is shorter than it should be
		}
		same, err := c.sample(ctx, pieces[s.piece], s, want)
		if err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// sample is a part of a piece.
type sample struct {
	piece        int
	begin        int64 // of the piece, in the content
	length       int64 // of the piece; -1: not known
	offset, size int64 // in the piece
}

// samples returns what is compared.
func (m Mark) samples() (all []sample) {
	complete := len(m.Ends)
	for i := range min(complete, mostSamples) {
		piece := i
		if complete > mostSamples {
			piece = i * (complete - 1) / (mostSamples - 1)
		}
		s := sample{piece: piece}
		if piece > 0 {
			s.begin = m.Ends[piece-1]
		}
		s.length = m.Ends[piece] - s.begin
		s.size = min(sampleSize, s.length)
		s.offset = rand.Int64N(s.length - s.size + 1)
		all = append(all, s)
	}
	if rest := m.At - m.end(); rest > 0 {
		size := min(sampleSize, rest)
		all = append(all, sample{piece: complete, begin: m.end(), length: -1, offset: rest - size, size: size})
	}
	return all
}

// sample compares a part of a piece with what there should be.
func (c *Client) sample(ctx context.Context, path string, s sample, want []byte) (same bool, err error) {
	if len(want) == 0 {
		return true, nil
	}
	for patience := c.patience(); ; {
		got, length, err := c.peek(ctx, path, s)
		if err == nil {
			return bytes.Equal(got, want) && (s.length < 0 || length < 0 || length == s.length), nil
		}
		if err := patience.wait(ctx, err); err != nil {
			return false, err
		}
	}
}

// peek fetches a part of a piece, as far as there is so much; length is that of the piece, -1: not
// told. A server that knows no ranges sends all from the beginning.
func (c *Client) peek(ctx context.Context, path string, s sample) (got []byte, length int64, err error) {
	last := s.offset + s.size - 1
	call := call{method: http.MethodGet, path: path, header: http.Header{
		"Accept-Encoding": {"identity"}, "Range": {fmt.Sprintf("bytes=%d-%d", s.offset, last)},
	}}
	response, err := c.send(ctx, call)
	if err != nil {
		return nil, -1, err
	}
	defer response.Body.Close()
	skip := int64(0)
	switch {
	case response.StatusCode == http.StatusRequestedRangeNotSatisfiable, isMissingStatus(response.StatusCode):
		return nil, -1, nil // so it is another one
	case response.StatusCode/100 != 2:
		refusal, _ := Refusal(call.method, path, response)
		return nil, -1, refusal
	case isPage(response) || !isPlain(response.Header):
		return nil, -1, call.unusable(pageMessage)
	case response.StatusCode == http.StatusPartialContent:
		_, total, _ := strings.Cut(response.Header.Get("Content-Range"), "/")
		if length, err = strconv.ParseInt(total, 10, 64); err != nil {
			length = -1
		}
	default:
		skip, length = s.offset, response.ContentLength
	}
	if _, err := io.CopyN(io.Discard, response.Body, skip); err != nil {
		return nil, length, nil
	}
	got, err = io.ReadAll(io.LimitReader(response.Body, s.size))
	if err != nil {
		return nil, -1, call.broken(err)
	}
	return got, length, nil
}

func isMissingStatus(status int) bool {
	return status == http.StatusNotFound || status == http.StatusBadRequest
}
