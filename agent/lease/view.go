package lease

import (
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/fleet"
)

// View implements fleet.Election.
func (l *Lease) View() fleet.View {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.view()
}

// Changed implements fleet.Election.
func (l *Lease) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// Suspect implements fleet.Election.
func (l *Lease) Suspect(address string) {
	if l.config.Fallback != nil {
		l.config.Fallback.Suspect(address)
	}
	l.update(func() {
		if address != "" && address == l.known.Address && !l.leads {
			l.suspect, l.suspected = address, time.Now()
			l.hurry()
		}
	})
}

// Recheck implements fleet.Election.
func (l *Lease) Recheck(address string) {
	if l.config.Fallback != nil {
		l.config.Fallback.Recheck(address)
	}
	l.hurry()
}

// SetFit implements fleet.Election.
func (l *Lease) SetFit(problem *agent.Problem) {
	if l.config.Fallback != nil {
		l.config.Fallback.SetFit(problem)
	}
	l.update(func() {
		isNews := (problem == nil) != (l.problem == nil)
		l.problem = problem
		if problem != nil {
			l.leads = false
		}
		if isNews {
			l.hurry()
		}
	})
}

// hurry has Run do at once what is due.
func (l *Lease) hurry() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// update changes what is known, and tells who waits for a change of the View.
func (l *Lease) update(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	view, before := l.view(), l.last
	if isSame(view, before) {
		return
	}
	l.last = view
	close(l.changed)
	l.changed = make(chan struct{})
	l.tell(view, before)
}

// tell logs a change.
func (l *Lease) tell(view, before fleet.View) {
	if view.Address != before.Address || view.Self != before.Self || view.Epoch != before.Epoch {
		l.log.Info("who leads", "leader", view.Address, "self", view.Self, "epoch", view.Epoch, "why", view.Why)
	}
	switch {
	case view.Trouble != nil && (before.Trouble == nil || before.Trouble.Error() != view.Trouble.Error()):
		l.log.Warn("the lease is not to be had for now", "error", view.Trouble)
	case view.Trouble == nil && before.Trouble != nil:
		l.log.Info("the lease can be had again")
	}
}

// isSame compares two views by what they say. That the store has answered once more changes nothing.
func isSame(a, b fleet.View) bool {
	said := (a.Trouble == nil) == (b.Trouble == nil) && (a.Trouble == nil || a.Trouble.Error() == b.Trouble.Error())
	return said && a.Since.Equal(b.Since) && a.Address == b.Address && a.Self == b.Self && a.Epoch == b.Epoch && a.Why == b.Why
}

// view puts together what is known.
func (l *Lease) view() fleet.View {
	isOwn := l.known.Address == l.config.Address // from this member's life before, or a twin's
	isLost := l.known.Holder == "" || isOwn || l.suspect == l.known.Address
	view := fleet.View{Epoch: l.known.Epoch, Why: l.known.Reason, Trouble: l.trouble}
	switch {
	case l.leads:
		view.Address, view.Self, view.Since = l.config.Address, true, l.known.Since
	case l.problem != nil && isOwn:
		view.Why = l.problem.Message
	case l.trouble != nil && isLost && l.config.Fallback != nil:
		view = l.config.Fallback.View()
		view.Trouble = l.trouble
	case !l.seen:
		view.Why = "the store of the lease has not answered yet"
	case l.isLookedInto():
		view.Why = "the port of " + l.known.Address + " refused a connection"
	case !isOwn:
		view.Address, view.Since = l.known.Address, l.known.Since
	}
	view.Answered = l.answered
	return view
}

// isLookedInto reports whether this member is about to take the place of a leader whose port has refused, or
// to see who else has. Until then it is not known who leads: a call that waits for that costs no login.
func (l *Lease) isLookedInto() bool {
	return l.suspect != "" && l.suspects(l.known.Address) && l.problem == nil && l.trouble == nil
}
