package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strconv"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// errTooMany is why a client gives up to connect.
var errTooMany = errors.New("too many others are connecting")

// ErrNotRunning means that there is no socket, or that nobody listens on it.
var ErrNotRunning = errors.New("the agent is not running")

// Client asks a running agent. It can be used by several goroutines at the same time.
//
// Its errors are [ErrNotRunning], an [*agent.Problem] that the agent answered, the context's,
// or that the answer made no sense. ctx governs the whole of a call, a person's time
// included; without a deadline it waits as long as the agent does.
//
// Where a method takes a notify function, that is told what a person should do meanwhile.
// It is called from another goroutine, one call at a time.
type Client struct {
	socket string
	http   *http.Client
	pins   *http.Client // for what comes with a PIN, over connections of its own
}

// Token is a token as the agent hands it out.
type Token struct {
	Profile    string
	Value      agent.Secret // for the Authorization header, after AnaplanAuthToken; empty after Login
	ID         string       // Anaplan's name for it, no secret
	ExpiresAt  time.Time    // in whole seconds
	Generation uint64       // for Replace
}

const (
	// busyPatience is how long a client tries to connect to an agent that is kept busy.
	busyPatience = 10 * time.Second

	mostHeader = 64 << 10
	mostAnswer = 4 << 20 // the status of a thousand profiles is half a megabyte
)

// NewClient returns a client of the agent at that socket. It connects when it is first
// asked something.
func NewClient(socket string) *Client {
	c := &Client{socket: socket}
	c.http, c.pins = c.newHTTP(false), c.newHTTP(true)
	return c
}

func (c *Client) newHTTP(withPIN bool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx, withPIN) },
			DisableCompression:     true,
			IdleConnTimeout:        time.Minute, // less than the agent's
			MaxIdleConnsPerHost:    64,
			MaxResponseHeaderBytes: mostHeader,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close closes the connections that are not in use. The client stays usable.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.pins.CloseIdleConnections()
}

// Token returns a live token of the profile, which may first have to be made.
func (c *Client) Token(ctx context.Context, profile string, notify agent.NotifyFunc) (Token, error) {
	return c.token(ctx, url.Values{"profile": {profile}}, notify)
}

// Replace is Token for a caller that found the token of that generation refused.
func (c *Client) Replace(ctx context.Context, profile string, generation uint64, notify agent.NotifyFunc) (Token, error) {
	refused := strconv.FormatUint(generation, 10)
	return c.token(ctx, url.Values{"profile": {profile}, "refused": {refused}}, notify)
}

func (c *Client) token(ctx context.Context, query url.Values, notify agent.NotifyFunc) (Token, error) {
	answer, err := c.ask(ctx, request{method: http.MethodGet, path: "/v1/token", query: query, notify: notify})
	if err != nil {
		return Token{}, err
	}
	token, err := ParseToken(answer)
	if err == nil && token.Value.IsZero() {
		err = fmt.Errorf("%w: there is no token in it", errNonsense)
	}
	return token, err
}

// Login makes the agent log in again, now. After a problem that trying again does not solve, only
// root and the agent's own user get more than that problem. The Token has no Value.
func (c *Client) Login(ctx context.Context, profile string, notify agent.NotifyFunc) (Token, error) {
	answer, err := c.act(ctx, "/v1/login", profile, nil, notify)
	if err != nil {
		return Token{}, err
	}
	return ParseToken(answer)
}

// Logout ends the profile's token.
func (c *Client) Logout(ctx context.Context, profile string) error {
	_, err := c.act(ctx, "/v1/logout", profile, nil, nil)
	return err
}

// Unlock undoes Lock, or a problem after which nothing is tried, and makes the agent log in
// again. A PIN is kept if the device takes it; the caller clears pin. A profile that was
// locked stays so where the login fails. It is for root and the agent's own user, as Lock is.
func (c *Client) Unlock(ctx context.Context, profile string, pin []byte, notify agent.NotifyFunc) error {
	_, err := c.UnlockWith(ctx, profile, pin, UnlockOptions{}, notify)
	return err
}

// UnlockWith is Unlock with more of what a person has said. The Token that it returns is that
// of the login, and has no Value.
func (c *Client) UnlockWith(ctx context.Context, profile string, pin []byte, options UnlockOptions, notify agent.NotifyFunc) (Token, error) {
	query := url.Values{"profile": {profile}}
	if options.LastTry {
		query.Set("last_try", Yes)
	}
	if options.PINChanged {
		query.Set("pin_changed", Yes)
	}
	answer, err := c.ask(ctx, request{method: http.MethodPost, path: "/v1/unlock", query: query, body: pin, notify: notify})
	if err != nil {
		return Token{}, err
	}
	return ParseToken(answer)
}

// Lock makes the agent forget the profile's PIN, and hand out nothing before Unlock.
func (c *Client) Lock(ctx context.Context, profile string) error {
	_, err := c.act(ctx, "/v1/lock", profile, nil, nil)
	return err
}

// Reload makes the agent read its configuration again. Warnings say what of it is not taken over.
func (c *Client) Reload(ctx context.Context) (warnings []string, err error) {
	answer, err := c.ask(ctx, request{method: http.MethodPost, path: "/v1/reload"})
	if err != nil {
		return nil, err
	}
	return parseReload(answer)
}

// Stop makes the agent end, and returns the number of its process, which goes on while it lets requests
// finish and ends its tokens.
func (c *Client) Stop(ctx context.Context) (pid int, err error) {
	answer, err := c.ask(ctx, request{method: http.MethodPost, path: "/v1/stop"})
	if err != nil {
		return 0, err
	}
	return parseStop(answer)
}

// CA returns the certificates, as PEM, that programs must trust which have the agent as their proxy.
func (c *Client) CA(ctx context.Context) ([]byte, error) {
	return c.ask(ctx, request{method: http.MethodGet, path: "/v1/ca"})
}

// RenewCA makes the agent replace its CA, and returns what CA does from then on. It is for root and the
// agent's own user.
func (c *Client) RenewCA(ctx context.Context) ([]byte, error) {
	return c.ask(ctx, request{method: http.MethodPost, path: "/v1/ca/new"})
}

// Status returns how the profiles do that the caller may use.
func (c *Client) Status(ctx context.Context) (Status, error) {
	answer, err := c.ask(ctx, request{method: http.MethodGet, path: "/v1/status"})
	if err != nil {
		return Status{}, err
	}
	return parseStatus(answer)
}

func (c *Client) act(ctx context.Context, path, profile string, body []byte, notify agent.NotifyFunc) ([]byte, error) {
	query := url.Values{"profile": {profile}}
	return c.ask(ctx, request{method: http.MethodPost, path: path, query: query, body: body, notify: notify})
}

// request is what a client asks.
type request struct {
	method, path string
	query        url.Values
	body         []byte
	notify       agent.NotifyFunc
	as           As
	token        agent.Secret // a phantom token to show; zero: none
	created      bool         // the answer has another status of success than 200, as Anaplan's has
}

// http returns the request as net/http's. The host is there because HTTP wants one.
func (r request) http(ctx context.Context) (*http.Request, error) {
	if r.notify != nil {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: r.notice})
	}
	address := url.URL{Scheme: "http", Host: "agent", Path: r.path, RawQuery: r.query.Encode()}
	asked, err := http.NewRequestWithContext(ctx, r.method, address.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	r.as.header(asked.Header)
	if r.notify != nil {
		asked.Header[HeaderNotices] = []string{"1"}
	}
	if !r.token.IsZero() {
		asked.Header.Set("Authorization", "AnaplanAuthToken "+r.token.Reveal())
	}
	return asked, nil
}

func (r request) notice(_ int, header textproto.MIMEHeader) error {
	if notice, ok := parseNotice(header.Get(headerNotice)); ok {
		r.notify(notice)
	}
	return nil
}

// ask returns the body of a good answer.
func (c *Client) ask(ctx context.Context, r request) ([]byte, error) {
	asked, err := r.http(ctx)
	if err != nil {
		return nil, err
	}
	way := c.http
	if len(r.body) > 0 {
		way = c.pins
	}
	response, err := way.Do(asked)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // it says GET and a made-up address
	}
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer+1))
	switch {
	case err != nil:
		return nil, c.explain(ctx, err)
	case len(body) > mostAnswer:
		return nil, fmt.Errorf("%w: it has more than %d bytes", errNonsense, mostAnswer)
	case response.StatusCode != http.StatusOK && !(r.created && response.StatusCode/100 == 2):
		return nil, ParseProblem(response.StatusCode, body)
	}
	return body, nil
}

func (c *Client) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("waiting for the agent at %s: %w", c.socket, context.Cause(ctx))
	}
	if errors.Is(err, ErrNotRunning) {
		return err
	}
	return fmt.Errorf("asking the agent at %s: %w", c.socket, err)
}

// dial connects to the agent and checks whose it is.
func (c *Client) dial(ctx context.Context, withPIN bool) (net.Conn, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.check(conn, withPIN); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
