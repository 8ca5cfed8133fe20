package agent_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/locked"
)

// changingExchange gives another token each time, whose ID is its value.
type changingExchange struct {
	stillExchange
	given atomic.Int64
}

func (e *changingExchange) Authenticate(context.Context, *agent.Login) (agent.Token, error) {
	value := fmt.Sprintf("token %d", e.given.Add(1))
	return agent.Token{ID: value, Value: agent.NewSecret(value), ExpiresAt: time.Now().Add(time.Hour)}, nil
}

func TestTokensAreInLockedMemory(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := startWorld(t, nil)
			w.rotate = rotate
			first := w.token().Token.Value
			w.untilRenewals(1)
			second := w.token().Token.Value
			if !first.IsLocked() || !second.IsLocked() || first.Equal(second) == rotate {
				t.Errorf("locked: %v, %v; %q, then %q", first.IsLocked(), second.IsLocked(), first.Reveal(), second.Reveal())
			}
			if same := &first.Inside()[0] == &second.Inside()[0]; same == rotate {
				t.Errorf("the same token has the same memory: %v", same)
			}
			runtime.KeepAlive(first)
		})
	}
}

// TestTokenOutlivesTheKeepers has callers use tokens that their Keepers have replaced, and
// the garbage collector run: what somebody has is not overwritten, nor by another's token.
func TestTokenOutlivesTheKeepers(t *testing.T) {
	var memory locked.Memory
	exchange := new(changingExchange)
	var callers sync.WaitGroup
	for range 4 {
		k := agent.NewKeeper(agent.KeeperConfig{
			Sign:     func(context.Context, bool, agent.NotifyFunc) (*agent.Login, error) { return &agent.Login{}, nil },
			Exchange: exchange, Memory: &memory,
		})
		callers.Go(func() {
			for range 50 {
				before, err1 := k.Token(t.Context(), nil)
				after, err2 := k.Login(t.Context(), nil)
				runtime.GC()
				for _, lease := range []agent.Lease{before, after} {
					if got := lease.Token.Value.Reveal(); got != lease.Token.ID || err1 != nil || err2 != nil {
						t.Errorf("%s has become %q; %v, %v", lease.Token.ID, got, err1, err2)
					}
				}
			}
		})
	}
	callers.Wait()
}
