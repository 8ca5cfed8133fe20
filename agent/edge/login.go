package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// Sign is a KeeperConfig.Sign: there is nothing to sign here.
func (m *Members) Sign(context.Context, bool, agent.NotifyFunc) (*agent.Login, error) {
	return &agent.Login{}, nil
}

// Authenticate logs in at the member in use, or at the next that can. The login is not looked at.
func (m *Members) Authenticate(ctx context.Context, _ *agent.Login) (agent.Token, error) {
	var failures []error
	var refused *agent.Problem
	tries := m.tries(ctx)
	for number, ok := tries.next(); ok; number, ok = tries.next() {
		one := m.all[number]
		if m.isSelf(one) {
			return m.lead.stand(ctx)
		}
		token, err := m.login(ctx, one)
		if err == nil {
			tries.use(number)
			return token, nil
		}
		if ctx.Err() != nil {
			return agent.Token{}, context.Cause(ctx)
		}
		if problem, ok := errors.AsType[*agent.Problem](err); ok {
			if refused == nil {
				refused = one.translate(problem)
			}
			tries.declined(number, problem.Code)
			continue
		}
		tries.failed(number, err)
		failures = append(failures, fmt.Errorf("%s: %s", one.Address(), reason(err)))
	}
	if refused != nil {
		return agent.Token{}, refused
	}
	return agent.Token{}, m.unreachable(failures)
}

// login logs in at a member. One that gives no token is none: another program may listen there.
func (m *Members) login(ctx context.Context, one *member) (agent.Token, error) {
	body, err := m.ask(ctx, one, http.MethodPost, "/token/authenticate", agent.Token{})
	if err != nil {
		return agent.Token{}, err
	}
	return body.token()
}

// Refresh extends the life of a token that the member in use has handed out. One of another is refused,
// as is one that was ended: a login is due then, which costs nothing.
func (m *Members) Refresh(ctx context.Context, token agent.Token) (agent.Token, error) {
	one := m.using(ctx)
	if m.isSelf(one) {
		return m.lead.stand(ctx)
	}
	body, err := m.ask(ctx, one, http.MethodPost, "/token/refresh", token)
	if err != nil {
		return agent.Token{}, fmt.Errorf("%w: %w", anaplan.ErrTokenRefused, err)
	}
	return body.token()
}

// Validate asks a member whose token it is that its calls are made with.
func (m *Members) Validate(ctx context.Context, token agent.Token) (anaplan.Identity, error) {
	one := m.using(ctx)
	if m.isSelf(one) {
		return m.lead.Identify(ctx)
	}
	body, err := m.ask(ctx, one, http.MethodGet, "/token/validate", token)
	if problem, ok := errors.AsType[*agent.Problem](err); ok && problem.Code == agent.CodeUnauthorized || isReachError(err) {
		return anaplan.Identity{}, fmt.Errorf("%w: %w", anaplan.ErrTokenRefused, err) // the next login is at the next member
	}
	if err != nil {
		return anaplan.Identity{}, err
	}
	if body.User == nil {
		return anaplan.Identity{}, agent.Problemf(agent.CodeServerRefused, "the member does not say whose token it is")
	}
	return anaplan.Identity{UserID: body.User.ID, UserGUID: body.User.GUID, CustomerGUID: body.User.CustomerGUID}, nil
}

// Logout ends a token. One that its member does not have any more is ended.
func (m *Members) Logout(ctx context.Context, token agent.Token) error {
	one := m.using(ctx)
	if m.isSelf(one) {
		return nil
	}
	_, err := m.ask(ctx, one, http.MethodPost, "/token/logout", token)
	if problem, ok := errors.AsType[*agent.Problem](err); ok && problem.Code == agent.CodeUnauthorized || isReachError(err) {
		return fmt.Errorf("%w: %w", anaplan.ErrTokenRefused, err)
	}
	return err
}

func isReachError(err error) bool {
	_, ok := errors.AsType[*unreachedError](err)
	return ok
}

// using returns the member in use.
func (m *Members) using(ctx context.Context) *member {
	if m.lead != nil {
		number, _ := m.tries(ctx).next()
		return m.all[number]
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all[m.inUse]
}

// answer is a member's about a token.
type answer struct {
	local.TokenBody
	at time.Time // by the member's clock; zero: it does not say
}

// answerBytes is more than any such answer has.
const answerBytes = 64 << 10

// ask asks a member about a token; a zero one is none. The error is its *agent.Problem, or why there is
// no answer.
func (m *Members) ask(ctx context.Context, one *member, method, path string, token agent.Token) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, "https://"+one.Address()+path, nil)
	if err != nil {
		return nil, err
	}
	m.introduce(one, req)
	if !token.Value.IsZero() {
		req.Header.Set("Authorization", "AnaplanAuthToken "+token.Value.Reveal())
	}
	response, err := one.http.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerBytes))
	if err != nil {
		return nil, err
	}
	defer clear(text)
	if response.StatusCode == http.StatusForbidden {
		one.refused()
	}
	if response.StatusCode/100 != 2 {
		return nil, refusal(response, text)
	}
	told := &answer{}
	told.at, _ = http.ParseTime(response.Header.Get("Date"))
	if response.StatusCode == http.StatusNoContent {
		return told, nil
	}
	if err := json.Unmarshal(text, &told.TokenBody); err != nil {
		return nil, agent.Problemf(agent.CodeServerRefused, "its answer is not a member's: is it the port of listen_tls?")
	}
	return told, nil
}

// refusal returns a member's refusal. What does not look like one has come from something in between.
func refusal(response *http.Response, text []byte) *agent.Problem {
	err := local.ParseProblem(response.StatusCode, text)
	if problem, ok := errors.AsType[*agent.Problem](err); ok {
		return problem
	}
	return agent.Problemf(agent.CodeServerRefused, "%v", err)
}

// token returns the token of an answer. Its end is by this machine's clock, whatever the member's says.
func (a *answer) token() (agent.Token, error) {
	if a.Token.Value == "" {
		return agent.Token{}, agent.Problemf(agent.CodeServerRefused, "its answer has no token: is it the port of listen_tls?")
	}
	ends := time.UnixMilli(a.Token.ExpiresAt)
	if !a.at.IsZero() {
		ends = time.Now().Add(ends.Sub(a.at))
	}
	return agent.Token{Value: agent.NewSecret(a.Token.Value), ID: a.Token.ID, RefreshID: a.Token.RefreshID, ExpiresAt: ends}, nil
}

// translate makes a member's problem this agent's own. It is nothing that a person can put right here,
// with a PIN or by trying again, and it passes by itself when it has been put right there.
func (one *member) translate(told *agent.Problem) *agent.Problem {
	problem := &agent.Problem{
		Code: told.Code, Human: told.Human, Wait: told.Wait,
		Message: "the member " + one.Address() + " cannot log in: " + strings.TrimSpace(told.Message),
	}
	for _, hint := range told.Hints {
		problem.Hints = append(problem.Hints, "at "+one.Address()+": "+hint)
	}
	if !slices.Contains([]agent.Code{agent.CodeRateLimited, agent.CodeTooMany, agent.CodeUnreachable}, told.Code) {
		problem.Code, problem.Wait = agent.CodeDeviceFailed, max(min(told.Wait, time.Minute), downWait)
	}
	return problem
}
