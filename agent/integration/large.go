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
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
)

// ErrLargeRead: Anaplan has ended the read of a large list or view before its end, and does not say why.
var ErrLargeRead = errors.New("it was not read to its end")

// IsTooLarge reports whether an error may say that a list or a view is too large to be read in one
// answer: Anaplan answers 400 then, and its text is not documented.
func IsTooLarge(err error) bool {
	refusal, ok := errors.AsType[*APIError](err)
	return ok && refusal.Code == "" && refusal.Status == http.StatusBadRequest
}

// ReadLarge writes the items of a list, or the cells of a view, to w as CSV: of such that have more than
// a million (help.anaplan.com, "Retrieve list data", "Initiate large read request"). Anaplan reads
// them first, and they come page by page. progress may be nil.
//
// What Anaplan keeps for that is given back at the end; it ends by itself after half an hour.
func (c *Client) ReadLarge(ctx context.Context, of Thing, w io.Writer, progress func(Transfer)) error {
	r := &largeRead{client: c, of: of}
	if err := r.begin(ctx); err != nil {
		return err
	}
	defer r.end(ctx)
	pages, err := r.wait(ctx)
	if err != nil {
		return err
	}
	return r.fetch(ctx, pages, w, progress)
}

// largeRead is a read request.
type largeRead struct {
	client *Client
	of     Thing
	path   string
}

// readState is how far a read request is.
type readState struct {
	ID         text   `json:"requestId"`
	State      string `json:"requestState"`
	Pages      int    `json:"availablePages"`
	Successful *bool  `json:"successful"` // once it has ended
}

// ask makes a call about the request.
func (r *largeRead) ask(ctx context.Context, call call) (readState, error) {
	var answer struct {
		List *readState `json:"listReadRequest"`
		View *readState `json:"viewReadRequest"`
	}
	if err := r.client.ask(ctx, call, &answer); err != nil {
		return readState{}, err
	}
	state := cmp.Or(answer.List, answer.View)
	if state == nil || !isID(string(state.ID)) || state.Pages < 0 {
		return readState{}, call.unusable("there is no read request in it")
	}
	return *state, nil
}

// begin has Anaplan read. Of a view it is the layout that is read without a request, too. That it is
// begun twice, where an answer is lost, does no harm.
func (r *largeRead) begin(ctx context.Context) error {
	order := map[string]string{}
	if r.of.Kind == Views {
		order["exportType"] = "GRID_CURRENT_PAGE"
	}
	path := r.of.path() + "/readRequests"
	call, err := withJSON(http.MethodPost, path, order)
	if err != nil {
		return err
	}
	state, err := r.ask(ctx, call)
	r.path = path + "/" + string(state.ID)
	return err
}

// wait waits until Anaplan has read all, and returns in how many pages.
func (r *largeRead) wait(ctx context.Context) (pages int, err error) {
	for {
		state, err := r.ask(ctx, call{method: http.MethodGet, path: r.path})
		switch {
		case err != nil:
			return 0, err
		case state.State == Cancelled:
			return 0, fmt.Errorf("%s: %w: somebody has cancelled it", r.of, ErrLargeRead)
		case state.State == Complete && state.Successful != nil && !*state.Successful:
			return 0, fmt.Errorf("%s: %w: try again", r.of, ErrLargeRead)
		case state.State == Complete:
			return state.Pages, nil
		}
		if backoff.Sleep(ctx, cmp.Or(r.client.PollPause, leastPause)) != nil {
			return 0, context.Cause(ctx)
		}
	}
}

// fetch writes the pages. Each may begin with the names of the columns, of which one line is enough.
func (r *largeRead) fetch(ctx context.Context, pages int, w io.Writer, progress func(Transfer)) error {
	var page, header bytes.Buffer
	d := &download{client: r.client, to: &page, accept: "text/csv", progress: progress, done: Transfer{Total: -1, Of: pages}}
	for n := range pages {
		page.Reset()
		if err := d.fetch(ctx, r.path+"/pages/"+strconv.Itoa(n)); err != nil {
			return err
		}
		text := page.Bytes()
		if first, _, ok := bytes.Cut(text, []byte("\n")); n == 0 && ok {
			header.Write(first)
			header.WriteByte('\n')
		} else if header.Len() > 0 {
			text = bytes.TrimPrefix(text, header.Bytes())
		}
		if _, err := w.Write(text); err != nil {
			return fmt.Errorf("writing what is downloaded: %w", err)
		}
	}
	return nil
}

// endTime is how long the end of a request may take. Nobody needs to wait for it.
const endTime = 10 * time.Second

// end gives back what Anaplan keeps for the request.
func (r *largeRead) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	_, _ = r.ask(ctx, call{method: http.MethodDelete, path: r.path})
}
