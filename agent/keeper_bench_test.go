package agent_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// stillExchange gives one token, which outlives the benchmark.
type stillExchange struct{}

func (stillExchange) Authenticate(context.Context, *agent.Login) (agent.Token, error) {
	return agent.Token{Value: agent.NewSecret("token"), ExpiresAt: time.Now().Add(time.Hour)}, nil
}

func (e stillExchange) Refresh(ctx context.Context, _ agent.Token) (agent.Token, error) {
	return e.Authenticate(ctx, nil)
}

func (stillExchange) Logout(context.Context, agent.Token) error { return nil }

func stillKeeper() *agent.Keeper {
	return agent.NewKeeper(agent.KeeperConfig{
		Sign:     func(context.Context, bool, agent.NotifyFunc) (*agent.Login, error) { return &agent.Login{}, nil },
		Exchange: stillExchange{}, Eager: true,
	})
}

func BenchmarkToken(b *testing.B) {
	k := stillKeeper()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := k.Token(b.Context(), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestTokenAllocatesNothing(t *testing.T) {
	k := stillKeeper()
	if _, err := k.Token(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := testing.AllocsPerRun(100, func() { k.Token(t.Context(), nil) }); got != 0 {
		t.Errorf("%v allocations a call", got)
	}
}

func TestKeepersAreSmall(t *testing.T) {
	const keepers = 1000
	limit := 8 << 10
	if runtime.GOOS == "windows" {
		limit *= 2 // there Go gives each goroutine a stack of 8 KiB at first, elsewhere of 2
	}
	ctx, cancel := context.WithCancel(t.Context())
	var runs sync.WaitGroup
	before := memory()
	for range keepers {
		k := stillKeeper()
		runs.Go(func() { k.Run(ctx) })
		if _, err := k.Token(ctx, nil); err != nil {
			t.Fatal(err)
		}
	}
	each := (memory() - before) / keepers
	cancel()
	runs.Wait()
	t.Logf("%d B a Keeper", each)
	if each > limit {
		t.Errorf("%d B a Keeper, want at most %d", each, limit)
	}
}

// memory returns what live objects and stacks take.
func memory() int {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc + stats.StackInuse)
}
