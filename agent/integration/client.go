package integration

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
)

// Client asks one API host. The fields are set before it is used, and then it can be used by
// several goroutines at the same time.
//
// ctx governs the whole of a call, with all attempts and pauses. Errors are an [*APIError]
// where an answer came, or wrap what HTTP.Do returned.
type Client struct {
	// Base is the API host, as "https://api.anaplan.com".
	Base string

	// Audit is the host of paths below /audit/, where they have one of their own. "": Base.
	Audit string

	// HTTP authenticates by itself. It needs no Timeout: an attempt ends after two minutes without a
	// byte in either direction. Redirects are
	// never followed. nil: http.DefaultClient.
	HTTP *http.Client

	// UserAgent is sent as it is. "": net/http's own.
	UserAgent string

	// Retry bounds what is done about failures that can pass.
	Retry Retry

	// PollPause is the least pause between two looks at a task. 0: 5 seconds, and Anaplan asks for
	// no less.
	PollPause time.Duration

	// Held is asked why a call has no answer, by its path, when nothing has moved for five seconds,
	// and every half a minute from then on. What it says is told to Notify, and stands in errors
	// for a connection that stalled; "": it does not know. ctx ends with the call. nil: nobody is
	// asked.
	Held func(ctx context.Context, path string) string

	// Notify is told in a short sentence that something is tried again, and why. It must not
	// block, and several goroutines may call it. nil: nobody.
	Notify func(text string)
}

// mostAnswer is the longest answer that is read at once. A page of 5,000 models is about 3 MB.
const mostAnswer = 64 << 20

// call is one request, as it is sent at every attempt.
type call struct {
	method string
	path   string // escaped
	query  url.Values
	header http.Header
	body   io.Reader // nil: none. Repeated if it is an io.Seeker
	size   int64     // of the body; -1: not known
}

// withJSON is a call that brings a JSON value.
func withJSON(method, path string, value any) (call, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return call{}, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	return call{method: method, path: path, header: header, body: bytes.NewReader(body), size: int64(len(body))}, nil
}

// ask makes a call that can be repeated, until there is an answer, and decodes it.
func (c *Client) ask(ctx context.Context, call call, into any) error {
	return c.askPatiently(ctx, c.patience(), call, into)
}

// askPatiently is ask with what is left of somebody's patience.
func (c *Client) askPatiently(ctx context.Context, patience *patience, call call, into any) error {
	for first := true; ; first = false {
		body, err := c.once(ctx, call)
		if err == nil {
			return decode(call, body, into)
		}
		if first && isStale(call, err) {
			continue
		}
		if err := patience.wait(ctx, err); err != nil {
			return err
		}
	}
}

// decode reads an answer. Nothing in it is wanted if into is nil, and nothing need be in that
// to a DELETE. What encoding/json says of it stays here, for it quotes.
func decode(call call, body []byte, into any) error {
	if into == nil || call.method == http.MethodDelete && len(body) == 0 || json.Unmarshal(body, into) == nil {
		return nil
	}
	return call.unusable("it is not the JSON that it should be")
}

// once makes a call once, and returns the body of a good answer.
func (c *Client) once(ctx context.Context, call call) ([]byte, error) {
	response, err := c.send(ctx, call)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		refusal, _ := Refusal(call.method, call.path, response)
		return nil, refusal
	}
	if isPage(response) {
		return nil, call.unusable(pageMessage)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer+1))
	if err != nil {
		return nil, call.broken(err)
	}
	if len(body) > mostAnswer {
		return nil, call.unusable(fmt.Sprintf("it has more than %d MiB", mostAnswer>>20))
	}
	return body, nil
}

// send sends a request, and returns whatever answer comes. Its body has to be closed.
func (c *Client) send(ctx context.Context, call call) (*http.Response, error) {
	address, err := c.address(call)
	if err != nil {
		return nil, err
	}
	ctx, watch := newWatch(ctx)
	request, err := http.NewRequestWithContext(ctx, call.method, address, nil)
	if err != nil {
		watch.end()
		return nil, fmt.Errorf("%s %s makes no request: %w", clean(call.method), clean(call.path), err)
	}
	if err := watch.attach(request, call); err != nil {
		watch.end()
		return nil, err
	}
	if c.UserAgent != "" {
		request.Header.Set("User-Agent", c.UserAgent)
	}
	answered := watch.askWhy(c, call.path)
	response, err := unredirected(c.HTTP).Do(request)
	answered()
	if err != nil {
		err = call.broken(watch.explain(err))
		watch.end()
		return nil, err
	}
	response.Body = &watchedBody{response.Body, watch}
	return response, nil
}

// unredirected returns the client with a rule of its own about redirects: a request that carries a
// credential goes where it was sent, or nowhere. nil: http.DefaultClient.
func unredirected(client *http.Client) *http.Client {
	own := *cmp.Or(client, http.DefaultClient)
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// address returns the URL of a call.
func (c *Client) address(call call) (string, error) {
	host := c.Base
	if anaplan.IsAudit(call.path) {
		host = cmp.Or(c.Audit, host)
	}
	base, err := url.Parse(host)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return "", fmt.Errorf("the API URL %q cannot be used; it should be like https://api.anaplan.com", clean(host))
	}
	if !strings.HasPrefix(call.path, "/") {
		return "", fmt.Errorf("the path %q must begin with a slash, as /2/0/models", clean(call.path))
	}
	address, err := url.Parse(strings.TrimSuffix(host, "/") + call.path)
	if err != nil {
		return "", fmt.Errorf("the path %q cannot be used: percent signs and spaces must be escaped", clean(call.path))
	}
	// Behind what the path brought along, in its own order.
	if len(call.query) > 0 {
		address.RawQuery = strings.TrimPrefix(address.RawQuery+"&"+call.query.Encode(), "&")
	}
	return address.String(), nil
}

// tell passes a sentence on, if anybody listens.
func (c *Client) tell(format string, args ...any) {
	if c.Notify != nil {
		c.Notify(fmt.Sprintf(format, args...))
	}
}
