package edge

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// Look is what a member says of itself and of this machine.
type Look struct {
	Address string
	Err     error         // in words, why it says nothing; nil: it does
	Status  local.Status  // as this machine may see it
	Skew    time.Duration // of the member's clock, which is ahead by it, to a second or so
}

// Look asks all members, side by side.
func (m *Members) Look(ctx context.Context) []Look {
	looks := make([]Look, len(m.all))
	var all sync.WaitGroup
	for i, one := range m.all {
		all.Go(func() { looks[i] = one.look(ctx) })
	}
	all.Wait()
	return looks
}

func (one *member) look(ctx context.Context) Look {
	look := Look{Address: one.Address()}
	ctx, cancel := context.WithTimeout(ctx, 2*reachTime)
	defer cancel()
	defer one.http.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+one.Address()+"/v1/status", nil)
	if err != nil {
		look.Err = err
		return look
	}
	response, err := one.http.RoundTrip(req)
	if err != nil {
		look.Err = errors.New(reason(err))
		return look
	}
	defer response.Body.Close()
	if at, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		look.Skew = at.Sub(time.Now().Truncate(time.Second))
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, answerBytes))
	switch {
	case err != nil:
		look.Err = errors.New(reason(err))
	case response.StatusCode != http.StatusOK:
		look.Err = local.ParseProblem(response.StatusCode, text)
	case json.Unmarshal(text, &look.Status) != nil || look.Status.Caller == nil:
		look.Err = errors.New("it does not answer as an agent does")
	}
	return look
}
