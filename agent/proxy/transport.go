package proxy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// Source has the token. *agent.Keeper is one.
type Source interface {
	Token(ctx context.Context, notify agent.NotifyFunc) (agent.Lease, error)
	Replace(ctx context.Context, generation uint64, notify agent.NotifyFunc) (agent.Lease, error)
}

// Limiter shares the tenant's allowance. *fair.Limiter is one.
type Limiter interface {
	// Wait returns nil when the client may send one request.
	Wait(ctx context.Context, client string) error
	// Hold lets nobody send anything for the time.
	Hold(time.Duration)
}

// Transport is an http.RoundTripper which puts the token into requests. It sends whatever
// URL it is given: that must be the service's. Where an http.Client follows a redirect, it
// refuses to follow to another server.
type Transport struct {
	// Source has the token.
	Source Source

	// Base sends the requests; see NewBase. nil: http.DefaultTransport.
	Base http.RoundTripper

	// Limiter is waited for before each request. nil: nothing is waited for.
	Limiter Limiter

	// Client is the name that the Limiter counts requests under that are not of a Proxy's calls.
	Client string

	// Ready is asked right before each request is sent, after all waiting. Its error is the call's,
	// and nothing is sent. nil: all may be.
	Ready func() error

	// Confirm asks the auth host about a token that the API has refused: nil if the token is good, so
	// that the refusal is about the call, and anaplan.ErrTokenRefused if it is not. Any other error
	// says nothing about the token, which all clients share; then, and where Confirm is nil, only
	// a 401 in the form of Anaplan's refusals is believed.
	Confirm func(context.Context, agent.Lease) error

	// Elsewhere: another machine with a key of its own may make a call that this one cannot. So where no
	// other token is to be had here, why is returned in place of the refusal of the first.
	Elsewhere bool

	// Notify is told what a person should know while a token is made. nil: nobody is.
	Notify agent.NotifyFunc
}

// RoundTrip implements http.RoundTripper. A request that finds its token refused is sent a
// second time with another one, if its body can be: there is none, it has a GetBody, it is
// short, or it has not been begun (Expect: 100-continue). Errors are those of Source, Limiter
// and body as they are, the cause of the end of the request's context, or an *UnreachableError.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if isForeign(req) {
		closeBody(req)
		return nil, ErrRedirect
	}
	body, err := takeBody(req)
	if err != nil {
		return nil, err
	}
	response, err := t.roundTrip(req, body)
	if err == nil && body.isUnwanted() {
		response.Body = lastAnswer{response.Body, body}
	} else {
		body.settle()
	}
	return response, err
}

func (t *Transport) roundTrip(req *http.Request, body *payload) (*http.Response, error) {
	ctx := req.Context()
	if err := t.wait(ctx); err != nil {
		return nil, err
	}
	lease, err := t.Source.Token(ctx, t.Notify)
	if err != nil {
		return nil, err
	}
	response, err := t.send(req, body, lease)
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	return t.renew(req, body, lease, response)
}

// isForeign reports whether a redirect made the request, and of another server.
func isForeign(req *http.Request) bool {
	from := req.Response
	return from != nil && from.Request != nil && !sameOrigin(from.Request.URL, req.URL)
}

// renew has a token that is refused replaced, for later calls if not for this one, and sends
// the request again if it can. What the service has answered is kept until that is sure.
func (t *Transport) renew(req *http.Request, body *payload, refused agent.Lease, response *http.Response) (*http.Response, error) {
	ctx := req.Context()
	again := body.takeBack()
	kept := keep(response)
	if !t.isRefused(ctx, refused, response.Header, kept) {
		return response, nil
	}
	fresh, err := t.Source.Replace(ctx, refused.Generation, t.Notify)
	if problem, ok := errors.AsType[*agent.Problem](err); ok && again && t.Elsewhere && problem.Code.IsOfKey() {
		response.Body.Close()
		return nil, problem
	}
	if !again || err != nil || fresh.Generation == refused.Generation || body.rewind() != nil {
		return response, nil
	}
	response.Body.Close()
	if err := t.wait(ctx); err != nil {
		return nil, err
	}
	return t.send(req, body, fresh)
}

// wait waits for a turn of the client that the request counts for.
func (t *Transport) wait(ctx context.Context) error {
	if t.Limiter == nil {
		return nil
	}
	client, ok := ctx.Value(clientKey{}).(string)
	if !ok {
		client = t.Client
	}
	return t.Limiter.Wait(ctx, client)
}

// clientKey is the key of the client in a request's context.
type clientKey struct{}

// ForClient returns a context whose requests count for a client, also where they are not the
// client's own but made on its account.
func ForClient(ctx context.Context, client string) context.Context {
	return context.WithValue(ctx, clientKey{}, client)
}

// send sends the request once.
func (t *Transport) send(req *http.Request, body *payload, lease agent.Lease) (*http.Response, error) {
	if t.Ready != nil {
		if err := t.Ready(); err != nil {
			return nil, err
		}
	}
	out := body.request(req)
	out.Header.Set("Authorization", "AnaplanAuthToken "+lease.Token.Value.Reveal())
	response, err := cmp.Or(t.Base, http.DefaultTransport).RoundTrip(out)
	if err != nil {
		return nil, t.explain(req, body, err)
	}
	response.Request = req // the other one has the token
	if response.StatusCode == http.StatusTooManyRequests && t.Limiter != nil {
		t.Limiter.Hold(holdTime(response.Header))
	}
	return response, nil
}

// explain finds out whose failure it is.
func (t *Transport) explain(req *http.Request, body *payload, err error) error {
	ctx := req.Context()
	if failed := body.failure(); failed != nil {
		return failed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if problem, ok := errors.AsType[*agent.Problem](err); ok { // Base has words of its own
		return problem
	}
	if told, ok := errors.AsType[*ToldError](err); ok {
		return told.Err
	}
	return unreachable(req.URL.Host, err)
}

// Bounds of what is read of an answer that may be thrown away.
const (
	keepBytes = 64 << 10
	keepTime  = 5 * time.Second
)

// keep reads an answer into memory, if it is short, so that its connection is free while
// the token is replaced, which can take a person. It returns what it has read.
func keep(response *http.Response) []byte {
	body := response.Body
	timer := time.AfterFunc(keepTime, func() { body.Close() })
	defer timer.Stop()
	kept, err := io.ReadAll(io.LimitReader(body, keepBytes))
	rest := io.Reader(body)
	if err != nil {
		rest = errorReader{err}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(kept), rest), body}
	return kept
}

// errorReader is a reader that fails.
type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }
