package integration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Dump is the rows that an import did not take, with the reasons, as a file.
type Dump struct {
	Thing    Thing  // what was run
	TaskID   string // its run
	ObjectID string // of the import within a process; "": the thing is the import
	Name     string // of that import; "": not told
}

// path is that of its content: .../dump of an import, .../dumps/ID of one action of a process
// (help.anaplan.com, "Get the list of process dump file chunks").
func (d Dump) path() string {
	if d.ObjectID == "" {
		return d.Thing.taskPath(d.TaskID) + "/dump"
	}
	return d.Thing.taskPath(d.TaskID) + "/dumps/" + d.ObjectID
}

// Dumps returns what a task has left to download. Anaplan keeps only those of the user's last
// run of a thing, for two days.
func Dumps(thing Thing, task Task) []Dump {
	if task.Result == nil {
		return nil
	}
	if thing.Kind != Processes {
		if !task.Result.FailureDumpAvailable {
			return nil
		}
		return []Dump{{Thing: thing, TaskID: task.ID, Name: thing.Name}}
	}
	var dumps []Dump
	seen := map[string]bool{} // a process may run an import twice, and there is one dump of it
	var within func(results []Result)
	within = func(results []Result) {
		for _, r := range results {
			if r.FailureDumpAvailable && r.ObjectID != "" && !seen[r.ObjectID] {
				seen[r.ObjectID] = true
				dumps = append(dumps, Dump{Thing: thing, TaskID: task.ID, ObjectID: r.ObjectID, Name: r.ObjectName})
			}
			within(r.Nested)
		}
	}
	within(task.Result.Nested)
	return dumps
}

// ErrNoContent means that a file is empty because nothing has filled it: it was never
// uploaded, its export has not run, or a newer run took the dump away.
var ErrNoContent = errors.New("it has no content")

// Download writes the content of a file to w, or that of the file that an export has
// written. A chunk that breaks off is gone on with where it broke. progress may be nil.
//
// Nothing holds the content still: an export that runs meanwhile changes it.
func (c *Client) Download(ctx context.Context, thing Thing, w io.Writer, progress func(Transfer)) error {
	return c.Resume(ctx, thing, w, Resume{}, progress)
}

// DownloadDump writes a dump to w, as Download does with a file.
func (c *Client) DownloadDump(ctx context.Context, dump Dump, w io.Writer, progress func(Transfer)) error {
	if err := c.download(ctx, dump.path(), w, Resume{}, progress); err != nil {
		return fmt.Errorf("downloading what was not imported: %w", err)
	}
	return nil
}

// download fetches what lies at a path, chunk by chunk if there are any. Some content has no
// chunks (seen by anaplan-sdk), and then it comes in one.
func (c *Client) download(ctx context.Context, path string, w io.Writer, resume Resume, progress func(Transfer)) error {
	pieces, err := c.pieces(ctx, path)
	if err != nil {
		return err
	}
	d := &download{client: c, to: w, progress: progress, resume: resume, done: Transfer{Total: -1, Of: len(pieces)}}
	d.done.Bytes, d.done.Chunks = resume.From.At, len(resume.From.Ends)
	d.marked = d.done.Bytes
	for _, piece := range pieces[min(d.done.Chunks, len(pieces)):] {
		if err := d.fetch(ctx, piece); err != nil {
			return err
		}
	}
	return nil
}

// pieces returns the paths of what makes up the content at a path, in their order.
func (c *Client) pieces(ctx context.Context, path string) ([]string, error) {
	chunks, err := c.list(ctx, path+"/chunks", "chunks")
	if err != nil && !isMissing(err) {
		return nil, err
	}
	if len(chunks) == 0 {
		return []string{path}, nil
	}
	pieces := make([]string, len(chunks))
	for i, chunk := range chunks {
		if !isID(string(chunk.ID)) {
			return nil, fmt.Errorf("%s: %w: a chunk has the id %q", path, ErrResponse, line(string(chunk.ID)))
		}
		pieces[i] = path + "/chunks/" + string(chunk.ID)
	}
	return pieces, nil
}

// isMissing reports whether an answer says that there is nothing. Some paths of dumps that
// are not there answer 400 (seen by the tests of anaplan-openapi).
func isMissing(err error) bool {
	refusal, ok := errors.AsType[*APIError](err)
	return ok && refusal.Code == "" && (refusal.Status == http.StatusNotFound || refusal.Status == http.StatusBadRequest)
}

// download is one under way.
type download struct {
	client   *Client
	to       io.Writer
	progress func(Transfer)
	resume   Resume
	accept   string // the form that is asked for; "": as it is
	done     Transfer
	marked   int64 // how much there was at the last mark
}

// fetch fetches one chunk to its end, in as many attempts as bring something.
func (d *download) fetch(ctx context.Context, path string) error {
	patience := d.client.patience()
	part := &part{download: d, call: call{method: http.MethodGet, path: path}, written: d.done.Bytes - d.resume.From.end(), length: -1}
	for {
		before := part.written
		err := part.attempt(ctx)
		if err == nil {
			d.done.Chunks++
			d.resume.From.Ends = append(d.resume.From.Ends, d.done.Bytes)
			d.mark()
			d.tell()
			return nil
		}
		if isMissing(err) {
			return fmt.Errorf("%w: %w", ErrNoContent, err)
		}
		if part.written > before {
			patience.renew()
		}
		if err := patience.wait(ctx, err); err != nil {
			return err
		}
	}
}

func (d *download) tell() {
	if d.progress != nil {
		d.progress(d.done)
	}
}

// part is one chunk, which may come in pieces.
type part struct {
	*download
	call    call
	written int64  // bytes of it that are written
	length  int64  // that it has; -1: not known
	etag    string // that it had at first; "": none
}

// attempt asks for what is missing, and writes what comes of it.
func (p *part) attempt(ctx context.Context) error {
	call := p.call
	// Bytes as they lie there, so that they can be counted.
	call.header = http.Header{"Accept-Encoding": {"identity"}}
	if p.accept != "" {
		call.header.Set("Accept", p.accept)
	}
	if p.written > 0 {
		call.header.Set("Range", "bytes="+strconv.FormatInt(p.written, 10)+"-")
		if p.etag != "" {
			call.header.Set("If-Range", p.etag)
		}
	}
	response, err := p.client.send(ctx, call)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	skip, err := p.begin(response)
	if errors.Is(err, errComplete) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, response.Body, skip); err != nil {
		return p.ended(err)
	}
	return p.copy(response.Body)
}

// errChanged: the content is not what it was when its download began.
var errChanged = errors.New("it has changed while it was downloaded; begin again")

// errComplete: there is nothing behind what is written.
var errComplete = errors.New("nothing is missing")

// begin looks whether an answer goes on where the last one broke off, and returns how much of it
// has been written already. A server that knows no ranges sends all of it again.
func (p *part) begin(response *http.Response) (skip int64, err error) {
	switch {
	case response.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		if response.Header.Get("Content-Range") == fmt.Sprintf("bytes */%d", p.written) {
			return 0, errComplete
		}
		return 0, errChanged
	case response.StatusCode/100 != 2:
		refusal, _ := Refusal(http.MethodGet, p.call.path, response)
		return 0, refusal
	case isPage(response):
		return 0, p.call.unusable(pageMessage)
	case !isPlain(response.Header):
		return 0, p.call.unusable("it is compressed, which was not asked for")
	}
	from, length := p.written, response.ContentLength
	if response.StatusCode != http.StatusPartialContent {
		from = 0
	} else if !startsAt(response.Header.Get("Content-Range"), from) {
		return 0, p.call.unusable("it is of another range than was asked for")
	} else if length >= 0 {
		length += from
	}
	etag := strongETag(response.Header)
	if p.length >= 0 && length >= 0 && length != p.length || p.etag != "" && etag != "" && etag != p.etag {
		return 0, errChanged
	}
	p.length, p.etag = max(p.length, length), cmp.Or(p.etag, etag)
	return p.written - from, nil
}

// strongETag returns what vouches for every byte, which a weak one does not (RFC 9110 section
// 13.1.5).
func strongETag(header http.Header) string {
	if etag := header.Get("ETag"); !strings.HasPrefix(etag, "W/") {
		return etag
	}
	return ""
}

func isPlain(header http.Header) bool {
	encoding := header.Get("Content-Encoding")
	return encoding == "" || strings.EqualFold(encoding, "identity")
}

// startsAt reports whether a Content-Range begins at that byte.
func startsAt(contentRange string, at int64) bool {
	rest, ok := strings.CutPrefix(contentRange, "bytes ")
	from, _, hasEnd := strings.Cut(rest, "-")
	return ok && hasEnd && from == strconv.FormatInt(at, 10)
}

// copy writes what comes. Where it cannot be written, another attempt does no good.
func (p *part) copy(body io.Reader) error {
	buffer := make([]byte, 64<<10)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			written, err := p.to.Write(buffer[:n])
			p.written += int64(written)
			p.done.Bytes += int64(written)
			if err != nil {
				return fmt.Errorf("writing what is downloaded: %w", err)
			}
			if p.done.Bytes-p.marked >= markEvery {
				p.mark()
			}
			p.tell()
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return p.call.broken(err)
		}
	}
}

// ended is the error of an answer that is shorter than what had been written of it.
func (p *part) ended(err error) error {
	if err == io.EOF {
		return errChanged
	}
	return p.call.broken(err)
}
