package proxy

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// Config says where calls go, and how patiently.
type Config struct {
	// API is the service's base URL, like https://api.anaplan.com.
	API string

	// Audit is the base URL of paths below /audit/, where they have one of their own. "": API.
	Audit string

	// Transport sends the requests, with the token in them. nil: NewBase(nil).
	Transport http.RoundTripper

	// Source has the token.
	Source Source

	// Limiter is waited for before each request. nil: nothing is waited for.
	Limiter Limiter

	// Confirm and Ready are as in Transport.
	Confirm func(context.Context, agent.Lease) error
	Ready   func() error

	// UserAgent is for requests that have none. "": "anaplan-agent".
	UserAgent string

	// BodyIdle is how long a client's body may stall. 0: a minute.
	BodyIdle time.Duration

	// HeaderTime is how long an answer may take to begin, once the request has been sent. It
	// is not for a Transport that is given, which has its own. 0: 5 minutes.
	HeaderTime time.Duration

	// StreamIdle is how long the service may stall, in its answer or in taking a body.
	// 0: 5 minutes.
	StreamIdle time.Duration
}

// Proxy forwards calls to the service. All its methods may be called at the same time.
type Proxy struct {
	api, audit *origin // may be the same
	userAgent  string
	bodyIdle   time.Duration
	streamIdle time.Duration
	reverse    *httputil.ReverseProxy
}

// New returns a Proxy. The error is about Config.API or Config.Audit.
func New(config Config) (*Proxy, error) {
	api, err := parseOrigin(config.API)
	if err != nil {
		return nil, err
	}
	audit := api
	if config.Audit != "" && config.Audit != config.API {
		if audit, err = parseOrigin(config.Audit); err != nil {
			return nil, err
		}
	}
	if config.Transport == nil {
		own := NewBase(nil)
		own.ResponseHeaderTimeout = cmp.Or(config.HeaderTime, headerTime)
		config.Transport = own
	}
	proxy := &Proxy{
		api: api, audit: audit,
		userAgent:  cmp.Or(config.UserAgent, "anaplan-agent"),
		bodyIdle:   cmp.Or(config.BodyIdle, time.Minute),
		streamIdle: cmp.Or(config.StreamIdle, 5*time.Minute),
	}
	proxy.reverse = &httputil.ReverseProxy{
		Rewrite: proxy.rewrite, ModifyResponse: proxy.modify, ErrorHandler: fail,
		Transport: &Transport{
			Source: config.Source, Base: config.Transport, Limiter: config.Limiter,
			Confirm: config.Confirm, Ready: config.Ready,
		},
		FlushInterval: flushInterval,
		BufferPool:    new(buffers),
		ErrorLog:      log.New(io.Discard, "", 0), // Serve returns all errors
	}
	return proxy, nil
}

// Call is what the caller has found out about a request.
type Call struct {
	// Path is sent in place of the request's, exactly as it is written: escaped, and without
	// the query, which is the request's.
	Path string

	// Client is the name that the Limiter counts the call under.
	Client string
}

// Result is what became of a call.
type Result struct {
	Status   int   // of the answer; 0: none has been begun
	Sent     int64 // bytes of the request's body that the client has sent
	Received int64 // bytes of the answer's body that went to the client

	// Began: an answer has been begun, and nothing else may be written.
	Began bool

	// Cut: it is not whole. The connection must be cut, or the client takes it for whole.
	Cut bool
}

// Serve forwards the request and its answer. An error without Began means that nothing has
// been written, and the caller has to answer; the header then says if the connection must be
// closed, because there may be more of the request on it. With Cut it says why.
//
// The end of the request's context ends the call. Where w has no read deadlines, a body that
// stalls is given up too, but a goroutine waits for it until the connection ends.
func (p *Proxy) Serve(w http.ResponseWriter, r *http.Request, call Call) (Result, error) {
	if err := refusal(r); err != nil {
		return Result{}, err
	}
	origin := p.originOf(call.Path)
	target, err := origin.target(r.URL, call.Path)
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	x := &exchange{origin: origin, target: target, parent: r.Context(), ctx: ctx, cancel: cancel, streamIdle: p.streamIdle}
	in := r.WithContext(context.WithValue(ForClient(ctx, call.Client), exchangeKey{}, x))
	control := http.NewResponseController(w)
	x.upload = newUpload(control, in, p.bodyIdle, p.streamIdle, x.stalled)
	x.answer = answer{w: w, control: control, upload: x.upload}
	if in.ContentLength != 0 && in.Body != nil {
		in.Body = x.upload
	}
	x.forward(p.reverse, in)
	return x.end()
}

// exchangeKey is the key of the exchange in a call's context.
type exchangeKey struct{}

// exchange is one call under way.
type exchange struct {
	origin     *origin
	target     *url.URL
	parent     context.Context // the caller's
	ctx        context.Context // of the call
	cancel     context.CancelCauseFunc
	streamIdle time.Duration

	upload   *upload
	download *download // nil: there is no answer yet
	answer   answer
	err      error // why there is none
}

// forward makes the call. ReverseProxy's way to say that an answer is cut is a panic.
func (x *exchange) forward(reverse *httputil.ReverseProxy, r *http.Request) {
	defer func() {
		if value := recover(); value != nil && value != http.ErrAbortHandler {
			panic(value)
		}
	}()
	reverse.ServeHTTP(&x.answer, r)
}

// stalled ends a call of which the service takes no more.
func (x *exchange) stalled() {
	x.cancel(&UnreachableError{
		Host: x.target.Host, Timeout: true, Sent: true,
		Err: fmt.Errorf("it took nothing more of the request for %v", x.streamIdle),
	})
}

// fail keeps why there is no answer.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	if x, ok := r.Context().Value(exchangeKey{}).(*exchange); ok {
		x.err = err
	}
}

// end sums up.
func (x *exchange) end() (Result, error) {
	x.upload.end()
	result := Result{
		Status: x.answer.status, Sent: x.upload.sent.Load(), Received: x.answer.received,
		Began: x.answer.status != 0,
	}
	if result.Began {
		result.Cut = !x.download.whole || x.answer.err != nil
	} else if !x.upload.whole.Load() {
		x.answer.Header().Set("Connection", "close")
	}
	if result.Began && !result.Cut {
		return result, nil
	}
	return result, x.failure()
}

// failure returns why there is no whole answer. The client's failures come first, for the
// others follow from them.
func (x *exchange) failure() error {
	switch err := x.upload.failure(); {
	case err != nil:
		return err
	case x.parent.Err() != nil:
		return gone(x.parent)
	case x.answer.err != nil:
		return ErrGone
	case x.err != nil:
		return x.err
	case x.ctx.Err() != nil:
		return context.Cause(x.ctx)
	}
	return ErrAnswerCut
}
