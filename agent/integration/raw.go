package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Do sends any request and returns whatever answer comes, a refusal too; its Body has to
// be closed. path is escaped, begins with a slash and may bring a query of its own. query,
// body and header may be nil.
//
// A request that can be repeated, and has no further effect when it is, is sent again like
// everything else: a GET, say, or a PUT with a body that is an io.Seeker over all that is to be
// sent.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, body io.Reader, header http.Header) (*http.Response, error) {
	call := call{method: method, path: path, query: query, header: header, body: body}
	repeatable, err := call.measure()
	if err != nil {
		return nil, err
	}
	for patience := c.patience(); ; {
		response, err := c.send(ctx, call)
		if err == nil && !isPassingAnswer(response) || !repeatable {
			return response, err
		}
		if err == nil {
			err = keep(call, response)
		}
		if given := patience.wait(ctx, err); given != nil {
			if response != nil && ctx.Err() == nil {
				return response, nil
			}
			return nil, given
		}
	}
}

// measure learns how long the body is, and reports whether the call can be repeated.
func (c *call) measure() (repeatable bool, err error) {
	switch c.method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		repeatable = true // RFC 9110 section 9.2.2
	}
	if c.body == nil {
		return repeatable, nil
	}
	c.size = -1
	seeker, ok := c.body.(io.Seeker)
	if !ok {
		return false, nil
	}
	// A pipe has the method but no length.
	size, err := seeker.Seek(0, io.SeekEnd)
	if err != nil {
		c.body = struct{ io.Reader }{c.body}
		return false, nil
	}
	c.size = size
	if _, err := seeker.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("reading what is to be sent: %w", err)
	}
	return repeatable, nil
}

func isPassingAnswer(response *http.Response) bool {
	return isPassing(response.StatusCode, agentCode(response.Header))
}

// keep reads a refusal so that its connection is free for the next attempt, and leaves it in
// the response, for there may be none.
func keep(call call, response *http.Response) error {
	refusal, body := Refusal(call.method, call.path, response)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	return refusal
}
