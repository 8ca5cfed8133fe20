package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// Prepare sees to it that the profile has a live token, as Token does, without being given
// it: what a person must do for that is done before calls are made.
func (c *Client) Prepare(ctx context.Context, profile string, notify agent.NotifyFunc) error {
	query := url.Values{"profile": {profile}, "reveal": {No}}
	_, err := c.ask(ctx, request{method: http.MethodGet, path: "/v1/token", query: query, notify: notify})
	return err
}

// As says what calls are made for: a client of the agent's configuration, or else a profile.
type As struct{ Profile, Client string }

// Header returns what says so to the agent.
func (a As) Header() http.Header {
	header := http.Header{}
	a.header(header)
	return header
}

// header adds what says so.
func (a As) header(header http.Header) {
	if a.Client != "" {
		header[HeaderClient] = []string{a.Client}
	} else if a.Profile != "" {
		header[HeaderProfile] = []string{a.Profile}
	}
}

// Phantom is a token of the agent's own.
type Phantom struct {
	Value     agent.Secret
	ExpiresAt time.Time
}

// Phantom logs in at the agent as a client of Anaplan's does, and returns a phantom token,
// which is worth something to this agent only.
func (c *Client) Phantom(ctx context.Context, as As, notify agent.NotifyFunc) (Phantom, error) {
	answer, err := c.ask(ctx, request{method: http.MethodPost, path: "/token/authenticate", notify: notify, as: as, created: true})
	if err != nil {
		return Phantom{}, err
	}
	return parsePhantom(answer)
}

// RenewPhantom gives a phantom token another life from now on. Its value stays the same.
func (c *Client) RenewPhantom(ctx context.Context, token Phantom) (Phantom, error) {
	answer, err := c.ask(ctx, request{method: http.MethodPost, path: "/token/refresh", token: token.Value, created: true})
	if err != nil {
		return Phantom{}, err
	}
	return parsePhantom(answer)
}

// EndPhantom ends a phantom token.
func (c *Client) EndPhantom(ctx context.Context, token Phantom) error {
	_, err := c.ask(ctx, request{method: http.MethodPost, path: "/token/logout", token: token.Value, created: true})
	return err
}

// Transport returns the way to Anaplan's API through the agent, for an http.Client. The host
// of the requests' URLs does not matter; their scheme is http. Close ends its connections
// too.
func (c *Client) Transport(as As) http.RoundTripper { return &transport{c, as} }

type transport struct {
	client *Client
	as     As
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	t.as.header(r.Header)
	response, err := t.client.http.Transport.RoundTrip(r)
	if err != nil {
		return nil, t.client.explain(r.Context(), err)
	}
	return response, nil
}

// parsePhantom reads the answer of /token/authenticate.
func parsePhantom(answer []byte) (Phantom, error) {
	var fields TokenBody
	switch err := json.Unmarshal(answer, &fields); {
	case err != nil:
		return Phantom{}, errNonsense
	case fields.Token.Value == "" || fields.Token.ExpiresAt == 0 || !isHeaderText(fields.Token.Value):
		return Phantom{}, fmt.Errorf("%w: there is no token in it", errNonsense)
	}
	return Phantom{agent.NewSecret(fields.Token.Value), time.UnixMilli(fields.Token.ExpiresAt)}, nil
}

// ProblemIn returns what the agent itself refused, of an answer to a call that should have
// been Anaplan's; nil if it is Anaplan's.
func ProblemIn(header http.Header, body []byte) *agent.Problem {
	if header.Get(HeaderProblem) == "" {
		return nil
	}
	problem, ok := errors.AsType[*agent.Problem](ParseProblem(0, body))
	if !ok {
		return agent.Problemf(agent.Code(header.Get(HeaderProblem)), "the agent refused the call, in words that make no sense")
	}
	return problem
}

// unwrapped returns the problem within a refusal in Anaplan's shape, or the body as it is.
func unwrapped(body []byte) []byte {
	var refusal struct {
		Problem json.RawMessage `json:"problem"`
	}
	if json.Unmarshal(body, &refusal) == nil && bytes.HasPrefix(refusal.Problem, []byte("{")) {
		return refusal.Problem
	}
	return body
}
