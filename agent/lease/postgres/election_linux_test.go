package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/lease"
	"github.com/anaplan-agent/anaplan-agent/agent/lease/postgres"
)

// electionOfThree: three members agree by a real server, and each end of a leader has one successor.
func electionOfThree(t *testing.T, c *cluster) {
	members := map[string]*lease.Lease{}
	stops := map[string]func(){}
	for _, name := range []string{"a:1", "b:1", "c:1"} {
		store, err := postgres.New(c.local())
		check(t, err)
		one := lease.New(store, lease.Config{Name: name, Address: name})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { one.Run(ctx); close(ended) }()
		members[name], stops[name] = one, func() { cancel(); <-ended }
	}
	for epoch := uint64(1); len(members) > 0; epoch++ {
		leader := ""
		for began := time.Now(); leader == ""; time.Sleep(5 * time.Millisecond) {
			leader = agreed(members, epoch)
			if time.Since(began) > bound {
				t.Fatalf("nobody leads with epoch %d", epoch)
			}
		}
		stops[leader]()
		delete(members, leader)
		for _, one := range members {
			one.Suspect(leader)
		}
	}
}

// agreed returns the address of the leader with an epoch, "" while they do not agree on one.
func agreed(members map[string]*lease.Lease, epoch uint64) (leader string) {
	for name, one := range members {
		view := one.View()
		if view.Epoch != epoch || view.Address == "" || leader != "" && view.Address != leader || view.Self != (view.Address == name) {
			return ""
		}
		leader = view.Address
	}
	return leader
}
