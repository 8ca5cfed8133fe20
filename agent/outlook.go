package agent

import (
	"context"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
)

// outlook is what is seen of Anaplan while an attempt that failed waits to be made again: it costs a
// signature, to look costs none. Once it is seen that what could not be reached can be, the attempt
// is made at once. A service that answers those who look, and fails those who log in, looks the same
// all the time, so nothing is made earlier for it. A nil outlook is none.
type outlook struct {
	ctx     context.Context // of looks
	cancel  context.CancelFunc
	due     moment // the next look
	waiting int    // looks that are under way
	dark    bool   // a look has found nothing, or not before the next was due
}

// newOutlook returns one that is due at once.
func newOutlook(now moment) *outlook {
	o := &outlook{due: now}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	return o
}

// end gives up the looks that are under way.
func (o *outlook) end() {
	if o != nil {
		o.cancel()
	}
}

// begin notes that a look begins. The next one does not wait for its end, which can be far off where
// nobody answers.
func (o *outlook) begin(failing time.Duration, now moment) {
	gap := lookGap
	if failing > lookOften {
		gap = lookGapLater
	}
	o.due = now.add(gap/2 + backoff.Jitter(gap/2))
	o.dark = o.dark || o.waiting > 0
	o.waiting++
}

// leave leaves what was looked at alone for as long as it asks for.
func (o *outlook) leave(wait time.Duration, now moment) {
	if next := now.add(min(wait, maxPatience)); next.mono.After(o.due.mono) {
		o.due = next
	}
}

// isWorthALook reports whether a look can tell that a problem is over.
func isWorthALook(problem *Problem) bool {
	return !problem.Final && (problem.Code == CodeUnreachable || problem.Code == CodeServerRefused)
}

// watch begins to look after a failure.
func (p *profile) watch(problem *Problem, now moment) {
	p.unwatch()
	if p.looks && isWorthALook(problem) && p.mayHurry(now) {
		p.outlook = newOutlook(now)
	}
}

func (p *profile) unwatch() {
	p.outlook.end()
	p.outlook = nil
}

// lookIn returns how long until the next look; never: nobody waits for what it would show.
func (p *profile) lookIn(now moment) time.Duration {
	o := p.outlook
	if o == nil || p.stopped || p.flight != nil || p.trouble.waitIn(now) > 0 {
		return never
	}
	if due := p.dueIn(now); due == never && p.trouble.demandAt.until(now) <= 0 {
		return never
	}
	return max(0, o.due.until(now))
}

// see notes what a look has shown.
func (p *profile) see(o *outlook, err error, now moment) {
	o.waiting--
	switch {
	case p.outlook != o: // it is about an attempt before the last
	case err != nil:
		o.dark = true
	default:
		p.unwatch()
		if o.dark && p.mayHurry(now) {
			p.hurry(now)
		}
	}
}

// mayHurry reports whether an attempt may be made before its time: as often as one likes where it is
// a refresh, and otherwise not when that has come to nothing so often.
func (p *profile) mayHurry(now moment) bool { return p.isCheap(now) || p.trouble.early < mostEarly }

// isCheap reports whether the next attempt costs no signature.
func (p *profile) isCheap(now moment) bool {
	return p.held.isLive(now) && p.held.lastCall.until(now) > 0
}

// hurry has the next attempt made now; agents that have seen the same do not come all at once.
func (p *profile) hurry(now moment) {
	at := now.add(backoff.Jitter(earlyJitter))
	if !p.isCheap(now) {
		p.trouble.early++
	}
	p.trouble.demandAt = at
	if p.agenda.wanted && !p.agenda.next.isZero() && p.agenda.next.until(now) > 0 {
		p.agenda.next = at
	}
}

// look looks. The profile's lock must be held.
func (p *pilot) look(now moment) {
	o := p.profile.outlook
	o.begin(now.mono.Sub(p.profile.trouble.since.mono), now)
	p.flights.Go(func() {
		ctx, cancel := context.WithTimeout(o.ctx, lookTimeout)
		defer cancel()
		err := protect("looking", func() error { return p.config.Look(ctx) })
		now := p.profile.enter()
		defer p.profile.leave(now)
		if problem := p.explain(o.ctx, err); problem != nil {
			o.leave(problem.Wait, now)
		}
		p.profile.see(o, err, now)
	})
}
