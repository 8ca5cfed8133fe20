package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/lease/record"
)

// tries is how often a write is tried anew at once that another member was faster with.
const tries = 3

// step does what is to be done now: it renews the lease, or sees who has it.
func (l *Lease) step(ctx context.Context) {
	l.mu.Lock()
	leads := l.leads
	l.mu.Unlock()
	if leads && !errors.Is(l.renew(ctx), record.ErrChanged) {
		return
	}
	for range tries {
		if !errors.Is(l.look(ctx), record.ErrChanged) {
			return
		}
	}
}

// renew writes the lease again that this member has.
func (l *Lease) renew(ctx context.Context) error {
	l.mu.Lock()
	version, again := l.known.Version, l.known.Record
	l.mu.Unlock()
	again.AuditHead, again.Duration = l.config.AuditHead(), l.config.Duration
	return l.write(ctx, version, again)
}

// look reads who has the lease, and takes it, or gives it away, if that is due.
func (l *Lease) look(ctx context.Context) error {
	timed, cancel := context.WithTimeout(ctx, l.patience())
	defer cancel()
	stored, err := l.store.Read(timed)
	if err != nil && !errors.Is(err, record.ErrNone) {
		return l.fail(ctx, err, func() { l.away = true })
	}
	stored.Record = stored.Bounded()
	var next *record.Record
	l.update(func() {
		l.observe(stored)
		if next = l.next(stored); next == nil && !l.unwritable {
			l.trouble = l.twin()
		}
	})
	if next == nil {
		return nil
	}
	return l.write(ctx, stored.Version, *next)
}

// patience is how long the store may take for an answer.
func (l *Lease) patience() time.Duration { return l.config.Duration * 3 / 10 }

// fail keeps in mind that the store cannot be used. All that is known of the leader stays as it is.
func (l *Lease) fail(ctx context.Context, err error, note func()) error {
	if ctx.Err() == nil {
		l.update(func() {
			l.trouble = err
			note()
		})
	}
	return err
}

// grace has the leader's lease begin anew, as when the store is back: the leader shall be the first to
// write.
func (l *Lease) grace() { l.beat, l.watched = time.Now(), true }

// write writes a record and keeps in mind what has come of it.
func (l *Lease) write(ctx context.Context, version string, new record.Record) error {
	timed, cancel := context.WithTimeout(ctx, l.patience())
	defer cancel()
	stored, err := l.store.Write(timed, version, new.Bounded())
	switch {
	case errors.Is(err, record.ErrChanged):
		return err
	case err != nil:
		return l.fail(ctx, err, func() {
			l.unwritable = !l.leads
			l.grace()
		})
	}
	l.update(func() {
		l.observe(stored)
		l.unwritable = false
		l.leads = stored.Holder == l.holder && l.problem == nil
		l.trouble = nil
		if l.suspect != "" {
			l.suspect, l.pounced = "", time.Now()
		}
	})
	return nil
}

// observe keeps in mind what the store has. A record that is gone leaves what was known of the leader.
func (l *Lease) observe(stored record.Stored) {
	first := !l.seen
	l.seen, l.answered = true, time.Now()
	if l.away {
		l.grace()
		l.away = false
	} else if time.Since(l.suspected) >= l.config.Duration {
		l.suspect = ""
	}
	l.highest = max(l.highest, stored.Epoch)
	if stored.Version == "" {
		l.known.Version = ""
		return
	}
	if first && stored.Address == l.config.Address && stored.Holder != l.holder {
		l.before = stored.Holder
	}
	isSame := stored.Holder == l.known.Holder && stored.Epoch == l.known.Epoch
	if !isSame || stored.Beat != l.known.Beat {
		l.beat = time.Now()
		l.watched = isSame && !first
		l.unwritable = false
	}
	isNewer := l.leads && stored.Holder != l.holder && stored.Epoch > l.known.Epoch
	if isNewer {
		l.leads = false
	}
	if !l.leads || stored.Holder == l.holder {
		l.known = stored
	}
}

// twin returns the trouble that somebody else leads at this member's address; nil: nobody does.
func (l *Lease) twin() error {
	if l.known.Address != l.config.Address || l.known.Holder == l.holder || l.known.Holder == l.before || l.known.Holder == "" {
		return nil
	}
	return fmt.Errorf("another member has the address %s too (%s): give each member its own address in [fleet]", l.config.Address, l.known.Holder)
}

// next returns what is to be written in the place of a record; nil: nothing.
func (l *Lease) next(stored record.Stored) *record.Record {
	isOwn := stored.Holder != "" && (stored.Holder == l.holder || stored.Holder == l.before)
	switch {
	case l.problem != nil && isOwn:
		given := l.givenAway(l.config.Name + " has given the lease away: " + l.problem.Message)
		return &given
	case l.problem != nil:
		return nil
	case stored.Holder == l.holder:
		again := stored.Record
		again.AuditHead, again.Duration = l.config.AuditHead(), l.config.Duration
		return &again
	}
	why := l.due(stored)
	if why == "" {
		return nil
	}
	return &record.Record{
		Holder: l.holder, Address: l.config.Address, Epoch: l.highest + 1, AuditHead: l.config.AuditHead(),
		Reason: why, Duration: l.config.Duration, Since: time.Now(),
	}
}

// due says why this member is to take the lease that a record is about; "": it is not.
func (l *Lease) due(stored record.Stored) string {
	isGone, leader := stored.Version == "", stored.Record
	if isGone {
		leader = l.known.Record // whom one expects to make it anew
	}
	switch {
	case l.leads && isGone:
		return "the lease was deleted"
	case l.leads:
		return fmt.Sprintf("the store had an older lease, of epoch %d", stored.Epoch)
	case leader.Holder == "" && isGone:
		return "there was no lease"
	case leader.Holder == "" && leader.Reason == "":
		return "nobody had the lease"
	case leader.Holder == "":
		return leader.Reason
	case leader.Holder == l.before:
		return l.config.Name + " has been started again"
	case l.suspects(leader.Address):
		return "the port of " + leader.Address + " refused a connection"
	case l.left(stored) <= 0:
		return "the lease of " + leader.Address + " had run out"
	}
	return ""
}

// suspects reports whether a leader is to be replaced because its port has refused a connection. Two
// members that cannot reach each other would take the lease in turn without an end, so a member does so
// once in a lease's duration.
func (l *Lease) suspects(address string) bool {
	return l.suspect == address && (l.pounced.IsZero() || time.Since(l.pounced) >= l.config.Duration)
}

// left returns for how long the leader's lease counts yet. What this member has watched itself counts;
// the store's clock, which may jump, shortens that by half at most where the leader was seen to renew.
func (l *Lease) left(stored record.Stored) time.Duration {
	duration := stored.Duration
	if duration <= 0 || duration > longest {
		duration = l.config.Duration
	}
	quiet := time.Since(l.beat)
	left := duration - quiet
	if !stored.HasClock {
		return left
	}
	if l.watched {
		return min(left, max(stored.Left, duration/2-quiet))
	}
	return min(left, stored.Left)
}

// givenAway returns the record that says that nobody leads, and why.
func (l *Lease) givenAway(reason string) record.Record {
	return record.Record{
		Epoch: l.highest, Reason: reason, AuditHead: l.config.AuditHead(), Duration: l.config.Duration, Since: time.Now(),
	}
}
