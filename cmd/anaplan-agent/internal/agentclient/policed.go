package agentclient

// A profile's policy, enforced by the command itself where no agent runs.

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// policed lets through what a policy allows, and answers all else as the agent would.
type policed struct {
	way     http.RoundTripper
	profile string
	rules   *policy.Policy
	names   policy.Names
}

// underPolicy returns a way to the API host for calls that the profile's rules allow; nil rules
// allow all.
func underPolicy(way http.RoundTripper, api, profile string, rules *policy.Policy) http.RoundTripper {
	if rules == nil {
		return way
	}
	return &policed{way, profile, rules, integration.NewCatalog(settings.NewAPIClient(api, way))}
}

// RoundTrip implements http.RoundTripper.
func (p *policed) RoundTrip(r *http.Request) (*http.Response, error) {
	path, problem := p.decide(r)
	if problem != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return refusalTo(r, problem), nil
	}
	normal, err := url.Parse(path.String())
	if err != nil {
		return nil, err
	}
	// What is decided on is what is sent.
	r = r.Clone(r.Context())
	r.URL.Path, r.URL.RawPath = normal.Path, normal.RawPath
	return p.way.RoundTrip(r)
}

// decide returns the path to send, or why nothing is sent.
func (p *policed) decide(r *http.Request) (policy.Path, *agent.Problem) {
	path, err := policy.ParsePath(r.URL.EscapedPath())
	if err != nil {
		return path, agent.Problemf(agent.CodeBadRequest, "the path is refused before any policy: %v", err)
	}
	decision, err := p.rules.Decide(r.Context(), r.Method, path, p.names)
	switch {
	case err != nil:
		return path, agent.Problemf(agent.CodeUnreachable, "the policy of the profile %s names things, and Anaplan did not say what their ids are: %v", p.profile, err)
	case decision.Allowed:
		return path, nil
	}
	problem := agent.Problemf(agent.CodeNotAllowed, "the policy of the profile %s has no rule for %s %s", p.profile, r.Method, path)
	problem.Hints = decision.Hints()
	return path, problem
}

// refusalTo returns an answer that says, as the agent's do, that the call was not made.
func refusalTo(r *http.Request, problem *agent.Problem) *http.Response {
	body, _ := json.Marshal(map[string]any{"problem": problem}) // of texts: no error
	return &http.Response{
		Status: "403 Forbidden", StatusCode: http.StatusForbidden, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Anaplan-Agent-Problem": {string(problem.Code)}, "Content-Type": {"application/json"}},
		Body:   io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}
