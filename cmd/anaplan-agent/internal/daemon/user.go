package daemon

import (
	"context"
	"errors"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// userBox keeps the user that Anaplan names for a Keeper's tokens, with the token that it was asked with.
type userBox struct {
	keeper  *agent.Keeper
	client  loginService // of the tokens
	explain func(error) *agent.Problem

	mu         sync.Mutex
	generation uint64
	user       server.User
}

// identify asks Anaplan who it is, once for each token.
func (b *userBox) identify(ctx context.Context) (server.User, error) {
	lease, err := b.keeper.Token(ctx, nil)
	if err != nil {
		return server.User{}, err
	}
	b.mu.Lock()
	user, known := b.user, b.generation == lease.Generation
	b.mu.Unlock()
	if known {
		return user, nil
	}
	found, err := b.client.Validate(ctx, lease.Token)
	if errors.Is(err, anaplan.ErrTokenRefused) {
		if lease, err = b.keeper.Replace(ctx, lease.Generation, nil); err == nil {
			found, err = b.client.Validate(ctx, lease.Token)
		}
	}
	if err != nil {
		return server.User{}, b.explain(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.generation, b.user = lease.Generation, server.User{ID: found.UserID, GUID: found.UserGUID, CustomerGUID: found.CustomerGUID}
	return b.user, nil
}
