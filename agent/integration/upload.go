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
)

const (
	// DefaultChunk is how long a chunk is where nobody says otherwise.
	DefaultChunk = 10 << 20

	// MostChunk is how long one may be (help.anaplan.com, "Upload a file in chunks": 50 MB).
	MostChunk = 50_000_000

	// mostChunks is how many a file may have (the same page).
	mostChunks = 1000
)

// Upload is the content of a file, and how it is sent.
type Upload struct {
	// Content is read once, from where it is, to its end.
	Content io.Reader

	// Size is how much there is; -1: that shows only at the end.
	Size int64

	// ChunkSize is how much is sent at once, and held in memory: 1 to MostChunk bytes. 0:
	// DefaultChunk. For a large Size it is as much larger as the file needs to come in 1,000
	// chunks.
	ChunkSize int64

	// Progress is told of each chunk that has arrived. nil: nobody.
	Progress func(Transfer)
}

// Transfer is how far an upload or a download is.
type Transfer struct {
	Bytes, Total int64 // Total -1: not known
	Chunks, Of   int   // chunks that are done; Of -1: not known
}

// Upload replaces the content of a file. Each chunk is sent again until it has arrived, and
// the file has its old content until the last one has.
//
// Chunks are cut at bytes, as Anaplan's own instructions do (split -b; help.anaplan.com, "Upload a
// file in chunks"); it joins them. Where the size is known, so is the number of chunks, and the
// file is whole when the last one is there; else Anaplan is told that it is.
func (c *Client) Upload(ctx context.Context, file Thing, upload Upload) error {
	u, err := newUpload(c, file, upload)
	if err != nil {
		return err
	}
	if err := u.announce(ctx); err != nil {
		return err
	}
	if err := u.sendChunks(ctx); err != nil {
		return err
	}
	if u.Size >= 0 {
		return nil
	}
	return u.complete(ctx)
}

// upload is one under way.
type upload struct {
	client *Client
	file   Thing
	Upload     // with Size -1 where that is not known, and the ChunkSize that is used
	of     int // chunks; -1: not known
	sent   Transfer
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
	u.sent = Transfer{Total: u.Size, Of: u.of}
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

// sendChunks sends all there is, one chunk after the other, which are never two in memory.
func (u *upload) sendChunks(ctx context.Context) error {
	size := u.ChunkSize
	if u.Size >= 0 {
		size = min(size, u.Size)
	}
	buffer := make([]byte, size)
	for {
		chunk, err := u.read(buffer)
		if err != nil {
			return err
		}
		// The end shows in a chunk that is not full, or by the size. A first chunk is sent
		// in any case.
		if len(chunk) == 0 && u.sent.Chunks > 0 {
			return nil
		}
		if err := u.put(ctx, chunk); err != nil {
			return err
		}
		if int64(len(chunk)) < u.ChunkSize || u.sent.Chunks == u.of {
			return nil
		}
	}
}

// read reads the next chunk. What has another size than was said is somebody's work in
// progress, and a part of it is worse than nothing.
func (u *upload) read(buffer []byte) ([]byte, error) {
	if u.Size >= 0 {
		buffer = buffer[:min(int64(len(buffer)), u.Size-u.sent.Bytes)]
	}
	n, err := io.ReadFull(u.Content, buffer)
	ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case err != nil && !ended:
		return nil, &readError{err}
	case ended && u.Size >= 0:
		return nil, fmt.Errorf("what is to be uploaded should have %d bytes, and ends after %d; has it changed?", u.Size, u.sent.Bytes+int64(n))
	case u.Size >= 0 && u.sent.Bytes+int64(n) == u.Size:
		return buffer, u.checkEnd()
	}
	return buffer[:n], nil
}

// checkEnd returns an error if there is more than there should be.
func (u *upload) checkEnd() error {
	var one [1]byte
	if n, _ := io.ReadFull(u.Content, one[:]); n > 0 {
		return fmt.Errorf("what is to be uploaded has more than the %d bytes that it should have; has it changed?", u.Size)
	}
	return nil
}

func (u *upload) put(ctx context.Context, chunk []byte) error {
	if u.sent.Chunks == mostChunks {
		return fmt.Errorf("a file can have %d chunks, and there are more of %d bytes; take larger ones, up to %d", mostChunks, u.ChunkSize, MostChunk)
	}
	call := call{
		method: http.MethodPut, path: u.file.path() + "/chunks/" + strconv.Itoa(u.sent.Chunks),
		header: http.Header{"Content-Type": {"application/octet-stream"}},
		body:   bytes.NewReader(chunk), size: int64(len(chunk)),
	}
	if err := u.client.ask(ctx, call, nil); err != nil {
		return err
	}
	u.sent.Chunks++
	u.sent.Bytes += int64(len(chunk))
	if u.Progress != nil {
		u.Progress(u.sent)
	}
	return nil
}

// complete says that there is no more.
func (u *upload) complete(ctx context.Context) error {
	call, err := withJSON(http.MethodPost, u.file.path()+"/complete", struct {
		ID    string `json:"id"`
		Name  string `json:"name,omitempty"`
		Count int    `json:"chunkCount"`
	}{u.file.ID, u.file.Name, u.sent.Chunks})
	if err != nil {
		return err
	}
	return u.client.ask(ctx, call, nil)
}
