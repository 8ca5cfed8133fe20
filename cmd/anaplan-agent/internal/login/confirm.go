package login

import (
	"context"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
)

// Confirmer asks the auth host about a token that the API has refused. There are calls that
// are refused whatever the token is, and each token that is dropped for one costs a signature,
// or a person's touch.
type Confirmer struct {
	client Validator

	mu         sync.Mutex
	generation uint64 // that was good
	at         time.Time
}

// Validator tells whose a token is. *anaplan.Client is one.
type Validator interface {
	Validate(ctx context.Context, token agent.Token) (anaplan.Identity, error)
}

// NewConfirmer returns one that asks by client.
func NewConfirmer(client Validator) *Confirmer { return &Confirmer{client: client} }

// confirmedFor is how long a token is believed to be good for having been so.
const confirmedFor = 5 * time.Second

// Confirm returns nil if the token is good, and what the auth host says of it otherwise.
func (c *Confirmer) Confirm(ctx context.Context, lease agent.Lease) error {
	c.mu.Lock()
	known := c.generation == lease.Generation && time.Since(c.at) < confirmedFor
	c.mu.Unlock()
	if known {
		return nil
	}
	if _, err := c.client.Validate(ctx, lease.Token); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation, c.at = lease.Generation, time.Now()
	return nil
}
