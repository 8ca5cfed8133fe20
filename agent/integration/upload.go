package integration

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

const (
	// DefaultChunk is how long a chunk is where nobody says otherwise.
	DefaultChunk = 10 << 20

	// MostChunk is how long one may be (help.anaplan.com, "Upload a file in chunks": 50 MB).
	MostChunk = 50_000_000

	// mostChunks is how many a file may have (the same page).
	mostChunks = 1000

	// DefaultSlots is how many chunks are under way at once where nobody says otherwise: enough to
	// fill a line while one waits for its answer, and few beside the 600 requests of a minute.
	DefaultSlots = 4
)

// Upload is the content of a file, and how it is sent.
type Upload struct {
	// Content is read once, from where it is, to its end.
	Content io.Reader

	// Size is how much there is; -1: that shows only at the end.
	Size int64

	// ChunkSize is how much is sent in one request, before it is packed: 1 to MostChunk bytes. 0:
	// DefaultChunk. For a large Size it is as much larger as the file needs to come in 1,000
	// chunks.
	ChunkSize int64

	// Slots bounds how many chunks are under way at once, each of which is held in memory twice.
	// Uploads can share it. nil: DefaultSlots for this one.
	Slots Slots

	// Plain sends chunks as they are. Otherwise they are packed with gzip, unless the first one
	// becomes hardly shorter by that.
	Plain bool

	// Progress is told of each chunk that has arrived, and on its way of pieces of it, by one
	// goroutine at a time. nil: nobody.
	Progress func(Transfer)
}

// Slots are places for chunks that are under way.
type Slots chan struct{}

// NewSlots returns so many.
func NewSlots(most int) Slots { return make(Slots, most) }

// Transfer is how far an upload or a download is.
type Transfer struct {
	Bytes, Total int64 // Total -1: not known
	Chunks, Of   int   // chunks that are done; Of -1: not known
	Sent         int64 // of an upload: what the chunks that are done came to on the line
}

// Upload replaces the content of a file. Nothing is sent before the first chunk could be read. Each
// is sent again until it has arrived, and the file has its old content until the last one has.
// Several are under way at once, as anaplan-sdk has them; they are read in their order.
//
// Packed chunks are what Anaplan's instructions advise ("To reduce the upload time for larger
// chunks, compress the chunks"): each is a gzip file of its own.
//
// Chunks are cut at bytes, as Anaplan's own instructions do (split -b; help.anaplan.com, "Upload a
// file in chunks"); it joins them. Where the size is known, so is the number of chunks, and the
// file is whole when the last one is there; else Anaplan is told that it is.
func (c *Client) Upload(ctx context.Context, file Thing, upload Upload) error {
	u, err := newUpload(c, file, upload)
	if err != nil {
		return err
	}
	first, err := u.next(ctx) // before Anaplan is told anything: it may be all that is wrong
	if err != nil {
		return err
	}
	if err := u.announce(ctx); err != nil {
		u.release(first)
		return err
	}
	if err := u.sendChunks(ctx, first); err != nil {
		return err
	}
	if u.Size >= 0 {
		return nil
	}
	return u.complete(ctx)
}

// upload is one under way. What several goroutines use is in progress.go.
type upload struct {
	client *Client
	file   Thing
	Upload     // with Size -1 where that is not known, the ChunkSize that is used, and Plain as the first chunk has it
	of     int // chunks; -1: not known
	read   int64
	chunks int // that have been read
	under  underWay
}

func newUpload(client *Client, file Thing, asked Upload) (*upload, error) {
	u := &upload{client: client, file: file, Upload: asked, of: -1}
	u.Size, u.ChunkSize = max(asked.Size, -1), cmp.Or(asked.ChunkSize, DefaultChunk)
	switch {
	case file.Kind != Files:
		return nil, fmt.Errorf("only files are uploaded to, and this is %s", file)
	case u.ChunkSize < 1 || u.ChunkSize > MostChunk:
		return nil, fmt.Errorf("the chunk size is %d bytes; it can be 1 to %d", u.ChunkSize, MostChunk)
	case u.Size > mostChunks*MostChunk:
		return nil, fmt.Errorf("there are %d bytes, and a file can have %d: %d chunks of %d", u.Size, int64(mostChunks*MostChunk), mostChunks, MostChunk)
	}
	if u.Size >= 0 {
		u.ChunkSize = max(u.ChunkSize, (u.Size+mostChunks-1)/mostChunks)
		// An empty file has one chunk, with nothing in it.
		u.of = max(1, int((u.Size+u.ChunkSize-1)/u.ChunkSize))
	}
	if u.Slots == nil {
		u.Slots = NewSlots(DefaultSlots)
	}
	u.under.progress, u.under.sent = u.Progress, Transfer{Total: u.Size, Of: u.of}
	return u, nil
}

// announce begins the upload. Anaplan makes a new file for an id that it does not know (seen
// by anaplan-sdk), and nothing would ever read that.
func (u *upload) announce(ctx context.Context) error {
	call, err := withJSON(http.MethodPost, u.file.path(), map[string]int{"chunkCount": u.of})
	if err != nil {
		return err
	}
	var answer struct {
		File listed `json:"file"`
	}
	if err := u.client.ask(ctx, call, &answer); err != nil {
		return err
	}
	if got := string(answer.File.ID); got != "" && !strings.EqualFold(got, u.file.ID) {
		return fmt.Errorf("there was no file %s, and Anaplan has made a new one, %s, which no import reads; give the name or id of a file in the list of files", u.file.ID, line(got))
	}
	return nil
}

// sendChunks sends the first chunk and all that come behind it.
func (u *upload) sendChunks(ctx context.Context, one *chunk) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var sending sync.WaitGroup
	for one != nil {
		sent, last := one, one.last
		sending.Go(func() {
			defer u.release(sent)
			if err := u.put(ctx, sent); err != nil {
				stop(err) // the first one counts, and ends the others
			}
		})
		if last {
			break
		}
		if one, err = u.next(ctx); err != nil {
			stop(err)
		}
	}
	sending.Wait()
	return context.Cause(ctx)
}

// next reads a chunk, once there is a place for it. nil: there is no more.
func (u *upload) next(ctx context.Context) (*chunk, error) {
	select {
	case u.Slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	one := u.under.take(u.bufferSize())
	err := u.fill(one)
	// The end shows in a chunk that is not full, or by the size. A first chunk is sent in any case.
	if err == nil && (len(one.plain) > 0 || u.chunks == 0) {
		one.number, one.last = u.chunks, int64(len(one.plain)) < u.ChunkSize || u.chunks+1 == u.of
		u.chunks++
		u.chooseForm(one)
		return one, nil
	}
	u.release(one)
	return nil, err
}

// release gives the place of a chunk to the next one.
func (u *upload) release(one *chunk) {
	u.under.give(one)
	<-u.Slots
}

func (u *upload) bufferSize() int64 {
	if u.Size >= 0 {
		return min(u.ChunkSize, u.Size)
	}
	return u.ChunkSize
}

// fill reads the content of a chunk. What has another size than was said is somebody's work in
// progress, and a part of it is worse than nothing.
func (u *upload) fill(one *chunk) error {
	buffer := one.buffer
	if u.Size >= 0 {
		buffer = buffer[:min(int64(len(buffer)), u.Size-u.read)]
	}
	n, err := io.ReadFull(u.Content, buffer)
	ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	u.read += int64(n)
	one.plain = buffer[:n]
	switch {
	case err != nil && !ended:
		return &readError{err}
	case ended && u.Size >= 0:
		return fmt.Errorf("what is to be uploaded should have %d bytes, and ends after %d; has it changed?", u.Size, u.read)
	case u.Size >= 0 && u.read == u.Size:
		return u.checkEnd()
	case n > 0 && u.chunks == mostChunks:
		return fmt.Errorf("a file can have %d chunks, and there are more of %d bytes; take larger ones, up to %d", mostChunks, u.ChunkSize, MostChunk)
	}
	return nil
}

// checkEnd returns an error if there is more than there should be.
func (u *upload) checkEnd() error {
	var one [1]byte
	n, err := io.ReadFull(u.Content, one[:])
	switch {
	case n > 0:
		return fmt.Errorf("what is to be uploaded has more than the %d bytes that it should have; has it changed?", u.Size)
	case !errors.Is(err, io.EOF):
		return &readError{err}
	}
	return nil
}

// chooseForm packs the first chunk: if that has little use, as with what is packed already, all are
// sent as they are. All of a file come in one form.
func (u *upload) chooseForm(first *chunk) {
	if first.number > 0 || u.Plain {
		return
	}
	packed := first.pack()
	if u.Plain = len(packed) >= len(first.plain)*9/10; u.Plain {
		first.packed = nil
	}
}

// put sends a chunk until it has arrived.
func (u *upload) put(ctx context.Context, one *chunk) error {
	body, form := one.plain, "application/octet-stream"
	if !u.Plain {
		body, form = one.pack(), "application/x-gzip"
	}
	call := call{
		method: http.MethodPut, path: u.file.path() + "/chunks/" + strconv.Itoa(one.number),
		header: http.Header{"Content-Type": {form}},
		body:   &countedBody{bytes.NewReader(body), one, &u.under}, size: int64(len(body)),
	}
	if err := u.client.ask(ctx, call, nil); err != nil {
		return err
	}
	u.under.arrived(one, int64(len(body)))
	return nil
}

// complete says that there is no more.
func (u *upload) complete(ctx context.Context) error {
	call, err := withJSON(http.MethodPost, u.file.path()+"/complete", struct {
		ID    string `json:"id"`
		Name  string `json:"name,omitempty"`
		Count int    `json:"chunkCount"`
	}{u.file.ID, u.file.Name, u.chunks})
	if err != nil {
		return err
	}
	return u.client.ask(ctx, call, nil)
}
