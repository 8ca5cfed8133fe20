package lease_test

import (
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/lease"
)

// late is the longest until a leader is missed that says nothing: the lease and a second.
const late = lease.Duration + time.Second

func TestOneOfThreeLeads(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b", "c")
		leader := w.leader()
		w.always(time.Minute, "the same leader", func() bool { return w.agree() && leader.View().Self && leader.View().Epoch == 1 })
		got := w.now()
		if got.AuditHead != "head of "+leader.name || got.Address != leader.name+":1" || got.Reason != "there was no lease" || got.Since.IsZero() {
			w.Errorf("the record is %+v", got)
		}
	})
}

// TestPortOfLeaderRefuses: who suspects at the same time gets one winner, at once.
func TestPortOfLeaderRefuses(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b", "c")
		for epoch := uint64(2); len(w.members) > 1; epoch++ {
			killed := w.kill(w.leader().name)
			for _, one := range w.members {
				one.Suspect(killed.name + ":1")
				if view := one.View(); view.Address != "" {
					w.Errorf("a suspicion is looked into, and %s leads", view.Address)
				}
			}
			w.within(50*time.Millisecond, "a new leader that saw the refusal", func() bool { return len(w.leaders()) == 1 })
			w.within(2*time.Second, "all see it", w.agree)
			if view := w.leader().View(); view.Epoch != epoch || view.Why != "the port of "+killed.name+":1 refused a connection" {
				w.Errorf("the view is %+v", view)
			}
		}
	})
}

// TestSuspicionOfOthers: a port that is not the leader's is not the leader's, also when its member leads
// later.
func TestSuspicionOfOthers(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b", "c")
		leader, other := w.leader(), w.other()
		for _, one := range w.members {
			one.Suspect(other.name + ":1")
			one.Suspect("")
		}
		leader.Suspect(leader.name + ":1")
		w.always(3*time.Second, "the same leader", func() bool { return leader.View().Self && w.agree() })
		w.kill(leader.name)
		other.Suspect(leader.name + ":1")
		w.within(2*time.Second, "the suspected one leads", func() bool { return w.agree() && other.View().Self })
		w.always(15*time.Second, "the same leader", other.leads)
	})
}

func (m *member) leads() bool { return m.View().Self }

// TestFrozenLeader: its port takes connections, and it does nothing. It yields when it is back.
func TestFrozenLeader(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b", "c")
		for range 5 {
			frozen := w.leader()
			time.Sleep(1700 * time.Millisecond)
			w.set(func() { frozen.client.cut = true })
			took := w.within(late, "another leads", func() bool { return len(w.leaders()) == 2 })
			if took < lease.Duration*7/10 {
				w.Errorf("it was replaced after %v", took)
			}
			time.Sleep(20*time.Second - took)
			w.set(func() { frozen.client.cut = false })
			w.within(2*time.Second, "it has yielded", w.agree)
			if frozen.View().Self {
				w.Error("the one that was frozen leads")
			}
		}
	})
}

// TestStoreAway: whatever a store does, who leads goes on, and says that what is known is old.
func TestStoreAway(t *testing.T) {
	ways := map[string]struct{ away, back func(w *world) }{
		"down":      {func(w *world) { w.down = true }, func(w *world) { w.down = false }},
		"read-only": {func(w *world) { w.readOnly = true }, func(w *world) { w.readOnly = false }},
		"slow":      {func(w *world) { w.delay(time.Minute) }, func(w *world) { w.delay(0) }},
		"deaf":      {func(w *world) { w.deaf(true) }, func(w *world) { w.deaf(false) }},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.start("a", "b")
				leader, other := w.leader(), w.other()
				epoch := leader.View().Epoch
				w.set(func() { way.away(w) })
				w.within(6*time.Second, "the leader says so", func() bool { return leader.View().Trouble != nil })
				w.within(late, "the other says so", func() bool { return other.View().Trouble != nil })
				w.always(40*time.Second, "the same leader", func() bool {
					return leader.leads() && !other.leads() && other.View().Address == leader.name+":1" && leader.View().Trouble != nil && other.View().Trouble != nil
				})
				if silent := time.Since(leader.View().Answered); silent < 40*time.Second {
					t.Errorf("the store has answered %v ago", silent)
				}
				w.set(func() { way.back(w) })
				w.within(late, "the store answers", func() bool { return time.Since(leader.View().Answered) < 3*time.Second })
				if w.within(late, "all is well", w.agree); name == "read-only" {
					return // who is the first to write again leads
				}
				w.always(late, "the same leader", func() bool { return leader.leads() && w.agree() && leader.View().Epoch == epoch })
			})
		})
	}
}

func (w *world) delay(each time.Duration) {
	for _, one := range w.members {
		one.client.delay = each
	}
}

func (w *world) deaf(is bool) {
	for _, one := range w.members {
		one.client.deaf = is
	}
}

// TestSlowStore: answers that come late are in time.
func TestSlowStore(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b", "c")
		leader := w.leader()
		w.set(func() { w.delay(2500 * time.Millisecond) })
		w.always(2*time.Minute, "the same leader", func() bool { return leader.leads() && w.agree() })
	})
}

// TestLeaderCutOff: a leader that alone cannot reach the store serves on, beside the one that has taken
// its lease, until it sees that.
func TestLeaderCutOff(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b", "c")
		cut := w.leader()
		w.set(func() { cut.client.cut = true })
		w.within(late, "another leads", func() bool { return len(w.leaders()) == 2 })
		w.always(time.Minute, "both lead", func() bool { return cut.leads() && len(w.leaders()) == 2 })
		if cut.View().Trouble == nil {
			w.Error("it does not say that the store is away")
		}
		w.set(func() { cut.client.cut = false })
		w.within(2*time.Second, "the older one yields", w.agree)
		if view := w.leader().View(); cut.leads() || view.Epoch != 2 || view.Why != "the lease of "+cut.name+":1 had run out" {
			w.Errorf("the view is %+v", view)
		}
	})
}

// TestStoreDownAtStart: the order of the members counts until the store answers.
func TestStoreDownAtStart(t *testing.T) {
	inWorld(t, func(w *world) {
		w.down = true
		order := []string{"a:1", "b:1"}
		for _, name := range []string{"a", "b"} {
			w.join(name, name+":1", &static{own: name + ":1", order: order, refused: map[string]bool{}})
		}
		c := w.join("c", "c:1", nil)
		isOrdered := func() bool {
			a, b := w.members["a"].View(), w.members["b"].View()
			return a.Self && b.Address == "a:1" && !b.Self && a.Trouble != nil && b.Trouble != nil && a.Epoch == 0
		}
		w.within(4*time.Second, "the first leads", isOrdered)
		w.always(40*time.Second, "the first leads", isOrdered)
		if view := c.View(); view.Address != "" || view.Trouble == nil {
			w.Errorf("without a fallback: %+v", view)
		}
		w.set(func() { w.down = false })
		w.within(2*time.Second, "one leads by the lease", func() bool { return w.agree() && w.leader().View().Epoch == 1 })
	})
}

// TestStoreAndLeaderAway: two failures at a time leave the order of the members.
func TestStoreAndLeaderAway(t *testing.T) {
	inWorld(t, func(w *world) {
		order := []string{"a:1", "b:1", "c:1"}
		for _, name := range []string{"a", "b", "c"} {
			w.join(name, name+":1", &static{own: name + ":1", order: order, refused: map[string]bool{}})
		}
		w.within(time.Second, "a leader", w.agree)
		w.set(func() { w.down = true })
		killed := w.kill(w.leader().name)
		time.Sleep(5 * time.Second)
		for _, one := range w.members {
			one.Suspect(killed.name + ":1")
		}
		isOrdered := func() bool { return len(w.leaders()) == 1 && w.members[w.leaders()[0]].View().Trouble != nil }
		w.within(time.Second, "one leads by the order", isOrdered)
		w.always(40*time.Second, "it goes on leading", isOrdered)
		w.set(func() { w.down = false })
		w.within(2*time.Second, "one leads by the lease", func() bool { return w.agree() && w.leader().View().Epoch == 2 })
	})
}

// TestLeaseDeleted: the leader makes it anew; where it is gone too, another one does.
func TestLeaseDeleted(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b", "c")
		leader := w.leader()
		w.set(func() { w.stored = nil })
		w.always(3*time.Second, "the same leader", leader.leads)
		if view := w.leader().View(); view.Epoch != 2 || view.Why != "the lease was deleted" || !leader.leads() {
			w.Errorf("the view is %+v", view)
		}
		w.set(func() { w.stored = nil })
		w.kill(leader.name)
		w.within(late, "another one leads", w.agree)
		if view := w.leader().View(); view.Epoch != 3 {
			w.Errorf("the view is %+v", view)
		}
	})
}

// TestOlderLease: a store that was restored from a backup does not have another member lead.
func TestOlderLease(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b")
		older := *w.stored
		w.kill(w.leader().name)
		w.join("c", "c:1", nil)
		w.within(late, "another one leads", w.agree)
		leader := w.leader()
		w.set(func() { w.stored = &older })
		w.within(3*time.Second, "it leads with a higher epoch", func() bool { return w.agree() && leader.leads() && leader.View().Epoch == 3 })
		if view := leader.View(); view.Why != "the store had an older lease, of epoch 1" {
			w.Errorf("the view is %+v", view)
		}
	})
}

// TestUnfitMember: it gives the lease away, and all see why.
func TestUnfitMember(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b")
		first, second := w.leader(), w.other()
		first.SetFit(agent.Problemf(agent.CodeDeviceAbsent, "the token is not there"))
		w.within(2*time.Second, "the other leads", func() bool { return second.leads() && w.agree() })
		if view := second.View(); view.Epoch != 2 || view.Why != first.name+" has given the lease away: the token is not there" {
			w.Errorf("the view is %+v", view)
		}
		second.SetFit(agent.Problemf(agent.CodePINRefused, "the PIN is refused"))
		nobody := func() bool {
			return len(w.leaders()) == 0 && first.View().Address == "" && strings.Contains(first.View().Why, second.name+" has given the lease away: the PIN is refused")
		}
		w.within(2*time.Second, "nobody leads, and it is said why", nobody)
		w.always(time.Minute, "nobody leads", nobody)
		second.SetFit(nil)
		w.within(50*time.Millisecond, "it leads at once", second.leads)
		first.SetFit(nil)
		w.always(late, "it goes on", second.leads)
	})
}

// TestUnfitWithoutStore: it does not lead any more, and gives the lease away when it can.
func TestUnfitWithoutStore(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b")
		first, second := w.leader(), w.other()
		w.set(func() { w.down = true })
		first.SetFit(agent.Problemf(agent.CodeLocked, "it is locked"))
		w.within(time.Second, "it does not lead", func() bool { return !first.leads() && first.View().Address == "" && first.View().Why == "it is locked" })
		time.Sleep(2 * time.Second)
		w.set(func() { w.down = false })
		w.within(3*time.Second, "the other leads", func() bool { return second.leads() && w.agree() })
	})
}

func TestEndOfLeader(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b")
		leader := w.leader()
		leader.end()
		if leader.leads() {
			w.Error("it leads although it has ended")
		}
		delete(w.members, leader.name)
		w.within(time.Second+50*time.Millisecond, "the other leads", w.agree)
		if why := w.leader().View().Why; why != leader.name+" has ended" {
			w.Errorf("why: %s", why)
		}
	})
}

// TestEndWithinRenewal: a renewal whose answer nobody waited for does not keep the lease.
func TestEndWithinRenewal(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b")
		leader := w.leader()
		w.set(func() { leader.client.late = 300 * time.Millisecond })
		before := w.count()
		w.within(3*time.Second, "a renewal", func() bool { return w.count() > before })
		leader.end()
		delete(w.members, leader.name)
		w.within(time.Second+50*time.Millisecond, "the other leads", w.agree)
	})
}

// TestRestartedLeader: it takes its own lease again, and gives it away if it cannot lead.
func TestRestartedLeader(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b")
		killed := w.kill(w.leader().name)
		again := w.join(killed.name, killed.name+":1", nil)
		w.within(50*time.Millisecond, "it leads", again.leads)
		w.within(2*time.Second, "all see it", w.agree)
		if view := again.View(); view.Epoch != 2 || view.Why != killed.name+" has been started again" {
			w.Errorf("the view is %+v", view)
		}
		w.kill(killed.name)
		again = w.join(killed.name, killed.name+":1", nil)
		again.SetFit(agent.Problemf(agent.CodePINNeeded, "a PIN is wanted"))
		w.within(2*time.Second, "the other leads", func() bool { return w.agree() && !again.leads() })
	})
}

// TestSameAddress: two members with one address are told so, and none calls itself.
func TestSameAddress(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a")
		w.join("b", "a:1", nil)
		a, b := w.members["a"], w.members["b"]
		w.within(4*time.Second, "the first one says so", func() bool {
			view := a.View()
			return view.Trouble != nil && strings.Contains(view.Trouble.Error(), "another member has the address a:1") && view.Address == "" && b.leads()
		})
		w.always(30*time.Second, "there is one leader", func() bool { return b.leads() && !a.leads() })
	})
}

// TestAnswerLost: a take-over whose answer gets lost is one.
func TestAnswerLost(t *testing.T) {
	inWorld(t, func(w *world) {
		one := w.join("a", "a:1", nil)
		w.set(func() { one.client.deaf = true })
		time.Sleep(5 * time.Second)
		if one.leads() || w.now().Epoch != 0 {
			w.Errorf("it leads by a record that it has not read: %+v", w.now())
		}
		w.set(func() { one.client.deaf = false })
		w.within(2*time.Second, "it leads", one.leads)
		w.join("b", "b:1", nil)
		w.set(func() { w.stored, one.client.deaf = nil, true })
		time.Sleep(2 * time.Second)
		w.set(func() { one.client.deaf = false })
		w.within(late, "all agree", w.agree)
	})
}

// TestChanged: there is one signal for each change, and none for a renewal.
func TestChanged(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b")
		for _, one := range w.members {
			changed := one.Changed()
			time.Sleep(30 * time.Second)
			select {
			case <-changed:
				w.Errorf("%s: there was a change to %+v", one.name, one.View())
			default:
			}
		}
		changed := w.other().Changed()
		w.leader().SetFit(agent.Problemf(agent.CodeLocked, "it is locked"))
		<-changed
	})
}

// TestForeignRecord: what others write in the store is cut, and steers no terminal.
func TestForeignRecord(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b")
		leader := w.leader()
		w.set(func() {
			w.stored.Holder, w.stored.Address, w.stored.Epoch = "x", "evil\x1b[2J:1", 7
			w.stored.Reason, w.stored.Duration, w.stored.Version = strings.Repeat("\n\x1b]0;", 9999), 1000*time.Hour, "x"
			w.renewed = time.Now()
		})
		w.within(3*time.Second, "it yields to the epoch", func() bool { return !leader.leads() })
		if view := leader.View(); strings.ContainsAny(view.Address+view.Why, "\x1b\n") || len(view.Why) > 2000 {
			w.Errorf("the view is %+v", view)
		}
		w.within(2*time.Minute, "its duration is not believed", w.agree)
		if epoch := w.leader().View().Epoch; epoch != 8 {
			w.Errorf("the epoch is %d", epoch)
		}
	})
}

// TestRecheck: a member that is told that another leads no more sees at once whether it may lead.
func TestRecheck(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b")
		leader, other := w.leader(), w.other()
		time.Sleep(1700 * time.Millisecond)
		leader.SetFit(agent.Problemf(agent.CodeDeviceAbsent, "no token"))
		time.Sleep(10 * time.Millisecond) // it is written
		other.Recheck(leader.name + ":1")
		w.within(10*time.Millisecond, "the other leads", other.leads)
	})
}
