package anaplan

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// maxBody is the longest answer that is read; a token's is below 2 KiB.
const maxBody = 64 << 10

// call is one request, as it is sent at every attempt.
type call struct {
	op            string // for the log
	method, path  string
	authorization string    // "": none
	body          *body     // nil: none
	freshUntil    time.Time // no attempt after it; zero: no such limit
	unauthorized  error     // what a 401 means
	secrets       secrets
}

// attempt sends the call once. Without a usable answer there is an error; the
// answer is nil where none came.
func (c *Client) attempt(ctx context.Context, call *call, attempt int) (*answer, error) {
	begun := time.Now()
	answer, err := c.exchange(ctx, call)
	if err != nil {
		broken := c.connectionError(err, call.secrets)
		broken.Attempts = attempt
		c.log.Debug("no answer", "op", call.op, "host", c.base.Host, "attempt", attempt, "error", broken)
		return nil, broken
	}
	answer.host, answer.attempts, answer.secrets = c.base.Host, attempt, call.secrets
	c.log.Debug("answered", "op", call.op, "host", c.base.Host, "attempt", attempt, "status", answer.status, "took", time.Since(begun))
	return answer, answer.refusal(call.unauthorized)
}

func (c *Client) exchange(ctx context.Context, call *call) (*answer, error) {
	// Over the whole attempt, the reading of the body included: a service that sends a
	// byte a minute would otherwise never be given up.
	ctx, cancel := context.WithTimeout(ctx, c.retry.AttemptTimeout)
	defer cancel()
	request, err := c.newRequest(ctx, call)
	if err != nil {
		return nil, err
	}
	asked := time.Now()
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	arrived := time.Now()
	// One byte more than is taken, to know a long answer from one that just fits. The
	// bound holds for what comes out of compression, too.
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return nil, errors.Join(errCutOff, err)
	}
	return &answer{status: response.StatusCode, header: response.Header, body: body, arrived: arrived, took: arrived.Sub(asked)}, nil
}

func (c *Client) newRequest(ctx context.Context, call *call) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, call.method, c.base.JoinPath(call.path).String(), nil)
	if err != nil {
		return nil, err
	}
	if call.authorization != "" {
		request.Header.Set("Authorization", call.authorization)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", c.userAgent)
	if call.body != nil {
		request.Header.Set("Content-Type", "application/json")
		request = call.body.addTo(request, c.ours != nil)
	}
	return request, nil
}
