package anaplan

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// freshFor is how old a v2 payload may get by resending it. Anaplan's own limit
// is not known (contract section 1.3); past this, a new signature is the better try.
const freshFor = time.Minute

// errNoToken is a call with a token that cannot be sent.
var errNoToken = fmt.Errorf("%w: there is none, or it holds characters that no token has", ErrTokenRefused)

// Identity is the user that the service takes a token for.
type Identity struct {
	// UserID is the user's e-mail address.
	UserID string
	// UserGUID and CustomerGUID are the service's names, 32 hexadecimal digits.
	UserGUID, CustomerGUID string
	// ExpiresAt is when the token ends, by this machine's clock; zero if the service does
	// not say, or what makes no sense.
	ExpiresAt time.Time
}

// Connect begins to connect to the service and returns at once, for a caller that is about to
// have a login signed: the call that comes next takes the connection, or makes its own if
// this one has failed or was dropped meanwhile. It is for the first call only, without effect
// later or beside Config.HTTP; the Client does one call at a time from then on. Disconnect if
// there will be no call. Nothing is dialled if ctx has ended.
func (c *Client) Connect(ctx context.Context) {
	if c.ours != nil {
		c.ours.connect(ctx)
	}
}

// Disconnect closes the connections on which no call is under way, and gives up those that are
// being made. Without effect beside Config.HTTP.
func (c *Client) Disconnect() {
	if c.ours != nil {
		c.ours.CloseIdleConnections()
	}
}

// Authenticate exchanges the login for a token. Where the service does not answer
// or asks for patience it sends the same login again, a v2 one only while
// that is fresh. ctx governs all of it. Nothing of the login's secrets stays behind but
// the login itself, which is the caller's.
func (c *Client) Authenticate(ctx context.Context, login *agent.Login) (agent.Token, error) {
	token, err := c.authenticate(ctx, login)
	if err != nil {
		return agent.Token{}, fmt.Errorf("logging in: %w", err)
	}
	return token, nil
}

func (c *Client) authenticate(ctx context.Context, login *agent.Login) (agent.Token, error) {
	if err := checkLogin(login); err != nil {
		return agent.Token{}, err
	}
	body := newBody(login)
	body.pad()
	defer body.wipe()
	authorization := Authorization(login.Certificate, c.form)
	call := &call{
		op: "authenticate", method: http.MethodPost, path: "token/authenticate",
		authorization: authorization, body: body, unauthorized: ErrBadCredential,
		secrets: secrets{[]byte(authorization), body.message, body.signed},
	}
	if made := login.MadeAt(); !made.IsZero() {
		call.freshUntil = made.Add(freshFor)
	}
	answer, err := c.send(ctx, call)
	if err != nil {
		return agent.Token{}, explain(err, answer, login)
	}
	return answer.token()
}

// Refresh extends the life of a live token, and returns it as the service now
// has it: with the same value or another. A token that has ended is refused
// with ErrTokenRefused; a new login is due then. ctx governs all attempts.
func (c *Client) Refresh(ctx context.Context, token agent.Token) (agent.Token, error) {
	fresh, err := c.refresh(ctx, token)
	if err != nil {
		return agent.Token{}, fmt.Errorf("refreshing the token: %w", err)
	}
	return fresh, nil
}

func (c *Client) refresh(ctx context.Context, token agent.Token) (agent.Token, error) {
	answer, err := c.sendToken(ctx, "refresh", http.MethodPost, token)
	if err != nil {
		return agent.Token{}, err
	}
	return answer.token()
}

// Validate asks whose token it is and when it ends; ErrTokenRefused if it is
// nobody's. ctx governs all attempts.
func (c *Client) Validate(ctx context.Context, token agent.Token) (Identity, error) {
	identity, err := c.validate(ctx, token)
	if err != nil {
		return Identity{}, fmt.Errorf("validating the token: %w", err)
	}
	return identity, nil
}

func (c *Client) validate(ctx context.Context, token agent.Token) (Identity, error) {
	answer, err := c.sendToken(ctx, "validate", http.MethodGet, token)
	if err != nil {
		return Identity{}, err
	}
	return answer.identity()
}

// Logout revokes the token at once. ErrTokenRefused says that it was refused already; a caller that
// only wants it gone may take that for success. ctx governs all attempts.
func (c *Client) Logout(ctx context.Context, token agent.Token) error {
	answer, err := c.sendToken(ctx, "logout", http.MethodPost, token)
	if err == nil {
		err = answer.ended()
	}
	if err != nil {
		return fmt.Errorf("logging out: %w", err)
	}
	return nil
}

// sendToken calls one of the siblings of /token/authenticate, all of which take
// the token and no body (contract section 3).
func (c *Client) sendToken(ctx context.Context, op, method string, token agent.Token) (*answer, error) {
	value := token.Value.Reveal()
	if !visible(value) {
		return nil, errNoToken
	}
	return c.send(ctx, &call{
		op: op, method: method, path: "token/" + op,
		authorization: "AnaplanAuthToken " + value, unauthorized: ErrTokenRefused,
		secrets: secrets{[]byte(value)},
	})
}

// visible reports whether text is one or more visible ASCII characters, which is
// what a header may carry and a token consists of.
func visible(text string) bool {
	for _, r := range text {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return text != ""
}

// explain makes of a refused v2 login what the clocks tell about it. Which code
// the service has for a wrong time is not known (contract section 2.2).
func explain(err error, answer *answer, login *agent.Login) error {
	refusal, ok := errors.AsType[*AnswerError](err)
	if !ok || login.MadeAt().IsZero() || !answer.isOwn(refusal.Code) || !errors.Is(err, ErrBadCredential) && !errors.Is(err, ErrBadRequest) {
		return err
	}
	return judgeTime(refusal, login.MadeAt(), answer.arrived, answer.date())
}
