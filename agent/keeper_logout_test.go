package agent_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// A logout that failed is completed by the next one, whatever came between them.
func TestLogoutIsCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		first := w.token()
		w.set(func() { w.logout = always(unreachable) })
		for range 3 {
			wantCode(t, "Logout", w.keeper.Logout(t.Context()), agent.CodeUnreachable)
		}
		if _, ok := w.keeper.Held(); ok {
			t.Error("the token is handed out")
		}
		w.wantCalls("so far", calls{Sign: 1, Authenticate: 1, Logout: 3})
		if second := w.token(); second.Generation != first.Generation+1 {
			t.Errorf("generation %d after %d", second.Generation, first.Generation)
		}
		w.set(func() { w.logout = nil })
		w.took()
		if err := w.keeper.Logout(t.Context()); err != nil {
			t.Error(err)
		}
		w.wantCalls("both are ended", calls{Logout: 2})
		if err := w.keeper.Logout(t.Context()); err != nil {
			t.Error(err)
		}
		w.wantCalls("nothing is left", calls{})
	})
}

// What has ended by itself needs no logout.
func TestLogoutOfAnEndedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.token()
		w.set(func() { w.logout = always(unreachable) })
		wantCode(t, "Logout", w.keeper.Logout(t.Context()), agent.CodeUnreachable)
		time.Sleep(tokenLife)
		if err := w.keeper.Logout(t.Context()); err != nil {
			t.Error(err)
		}
		w.wantCalls("in all", calls{Sign: 1, Authenticate: 1, Logout: 1})
	})
}

// The Keeper that takes another's place can complete its logout.
func TestAdoptLogout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := succession(t, func(before, _ *world) {
			before.token()
			before.set(func() { before.logout = always(unreachable) })
			wantCode(t, "Logout", before.keeper.Logout(t.Context()), agent.CodeUnreachable)
		})
		for _, w := range []*world{before, after} {
			if err := w.keeper.Logout(t.Context()); err != nil {
				t.Error(err)
			}
		}
		after.wantCalls("in all", calls{Logout: 1})
	})
}
