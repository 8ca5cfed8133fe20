package fair

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Config says how much is allowed. Zero fields have the default that is given.
type Config struct {
	PerMinute int           // calls; 600, which Anaplan allows a tenant
	Burst     int           // calls at once, after a pause; PerMinute
	MaxWait   time.Duration // of a call; 60 s
	MaxQueue  int           // calls of a client that can wait; 1000
}

// InTurn returns the Config of an allowance that several have one after the other, none of whom knows what
// the one before has sent: each calls [Limiter.Spend] when its turn begins. All together they send no more
// than perMinute calls in any minute, where a single Limiter with a full bucket may send twice as many in
// its first. So there are fewer calls at once, a tenth of those of a minute, and the rate is lower by these.
func InTurn(perMinute int) Config {
	burst := max(perMinute/10, 1)
	return Config{PerMinute: max(perMinute-burst, 1), Burst: burst}
}

// longestHold keeps what a server asks for by mistake from stopping a client for good.
const longestHold = 24 * time.Hour

// BusyError means that a call may not be made now, and not soon.
type BusyError struct {
	// RetryAfter is when the call would have been sent, had it waited.
	RetryAfter time.Duration

	// HeldFor is for how long a Hold keeps back all calls; 0: none does, and there are too many.
	HeldFor time.Duration
}

// Error says it in words.
func (e *BusyError) Error() string {
	if e.HeldFor > 0 {
		return fmt.Sprintf("the service asks for patience, and nothing is sent to it for another %v; try again in %v",
			e.HeldFor.Round(time.Second), e.RetryAfter.Round(time.Second))
	}
	return fmt.Sprintf("the allowance of calls is used up, and others wait for more; try again in %v", e.RetryAfter.Round(time.Second))
}

// Stats is how a Limiter does.
type Stats struct {
	Left    float64       // calls that could be made at once
	Waiting int           // calls
	HeldFor time.Duration // from now on; 0: nothing holds

	Waited  uint64 // calls that had to wait, and were sent then
	Refused uint64 // calls, by a BusyError
	Held    uint64 // Holds, but those while another one held
}

// Limiter shares an allowance. All its methods may be called at the same time. It has no
// goroutine, and while nobody waits no timer.
//
// It does not stand on x/time/rate, whose Limiter gives out turns in the order in which
// they are asked for, as reservations. Here the order changes as clients come and go, and a
// Hold moves all turns; none can be promised beforehand. What would be left to take from there is
// the bucket, which is the two lines of next and take, and those count in whole nanoseconds,
// so that it can be said exactly how long a call would wait.
type Limiter struct {
	config   Config
	interval time.Duration // in which the allowance grows by one call
	started  time.Time     // all times are since then

	mu    sync.Mutex
	full  time.Duration // when the bucket will be full, if nothing is taken
	until time.Duration // when the last Hold ends
	ring  []*line       // that are not empty; the first one's turn is next
	lines map[string]*line
	timer *time.Timer // runs serve when the next turn has come; nil: nobody has waited yet
	stats Stats       // the counters
}

// line is the queue of a client.
type line struct {
	client  string
	waiting []*waiter
}

// waiter is a call that waits.
type waiter struct {
	line   *line
	latest time.Duration // that it can be sent
	done   chan struct{} // closed when it no longer waits
	err    error         // why it was not sent, once done is closed
}

// New returns a Limiter with a full bucket.
func New(config Config) *Limiter {
	config.PerMinute = max(cmp.Or(config.PerMinute, 600), 1)
	config.Burst = max(cmp.Or(config.Burst, config.PerMinute), 1)
	config.MaxWait = cmp.Or(config.MaxWait, time.Minute)
	config.MaxQueue = cmp.Or(config.MaxQueue, 1000)
	interval := time.Minute / time.Duration(config.PerMinute)
	if time.Minute%time.Duration(config.PerMinute) != 0 {
		interval++ // rather a little less than allowed
	}
	return &Limiter{config: config, interval: interval, started: time.Now(), lines: map[string]*line{}}
}

// Wait returns nil when a call of the client may be sent, which is at once if it can be. The
// error is a *BusyError, or the cause of the end of ctx.
func (l *Limiter) Wait(ctx context.Context, client string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w := l.enter(client)
	if w == nil {
		return nil
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return l.leave(w, context.Cause(ctx))
	}
}

// Hold keeps back all calls for d from now on, a day at most. If they are kept back for
// longer already, it changes nothing.
func (l *Limiter) Hold(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	until := now + min(d, longestHold)
	if until <= max(l.until, now) {
		return
	}
	if l.until <= now {
		l.stats.Held++
	}
	l.until = until
	l.full = max(l.full, until+time.Duration(l.config.Burst-1)*l.interval) // the first call at its end
	l.settle(now)
}

// Spend empties the bucket, for what somebody else may have taken out of the allowance until now: calls
// can be sent at the rate of the allowance, as if all had been sent here that could be.
func (l *Limiter) Spend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.full = max(l.full, now+time.Duration(l.config.Burst)*l.interval)
	l.settle(now)
}

// Stats returns how it goes.
func (l *Limiter) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	stats := l.stats
	missing := float64(max(l.full-now, 0)) / float64(l.interval)
	stats.Left = max(float64(l.config.Burst)-missing, 0)
	stats.HeldFor = max(l.until-now, 0)
	for _, q := range l.ring {
		stats.Waiting += len(q.waiting)
	}
	return stats
}

// HeldUntil returns when the Hold ends that keeps back all calls; the zero time: none does.
func (l *Limiter) HeldUntil() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until <= l.now() {
		return time.Time{}
	}
	return l.started.Add(l.until)
}

func (l *Limiter) now() time.Duration { return time.Since(l.started) }

// next returns when the next call may be sent; it can have been in the past.
func (l *Limiter) next() time.Duration {
	return l.full - time.Duration(l.config.Burst-1)*l.interval
}

// take takes a call out of the bucket.
func (l *Limiter) take(now time.Duration) { l.full = max(l.full, now) + l.interval }

// enter returns nil if the call may be sent now, otherwise its place in the queue, even if only to
// be told that there is no place for it.
func (l *Limiter) enter(client string) *waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if len(l.ring) == 0 && l.next() <= now {
		l.take(now)
		return nil
	}
	w := &waiter{line: l.lineOf(client), latest: now + l.config.MaxWait, done: make(chan struct{})}
	w.line.waiting = append(w.line.waiting, w)
	l.settle(now)
	return w
}

// lineOf returns the line of a client. The turn of a new one is the last.
func (l *Limiter) lineOf(client string) *line {
	q := l.lines[client]
	if q == nil {
		q = &line{client: client}
		l.lines[client] = q
		l.ring = append(l.ring, q)
	}
	return q
}

// leave takes a call out of the queue whose caller waits no longer. One that was sent or
// refused at the same moment is not there any more, and its caller hears of that instead: a
// turn that has been given cannot be given to another.
func (l *Limiter) leave(w *waiter, cause error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	place := slices.Index(w.line.waiting, w)
	if place < 0 {
		return w.err
	}
	l.remove(w.line, place)
	l.arm(l.now())
	return cause
}

// serve is what the timer runs.
func (l *Limiter) serve() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle(l.now())
}

// settle sends what may be sent now, refuses what could not be sent in time, and has the
// timer see to the rest.
func (l *Limiter) settle(now time.Duration) {
	for len(l.ring) > 0 && l.next() <= now {
		l.take(now)
		l.sendFirst()
	}
	l.refuseLate(now)
	l.arm(now)
}

// sendFirst sends the first call of the client whose turn it is. That client is then the last to
// have another turn.
func (l *Limiter) sendFirst() {
	q := l.ring[0]
	l.stats.Waited++
	close(q.waiting[0].done)
	l.remove(q, 0)
	if len(q.waiting) > 0 {
		l.ring = append(slices.Delete(l.ring, 0, 1), q)
	}
}

// refuseLate goes through all calls that wait, in the order in which they will be sent, and refuses
// those that would have to wait for too long. Those behind them move up. It looks at each only
// once, and there is never more than one too many for MaxWait.
func (l *Limiter) refuseLate(now time.Duration) {
	at := l.next()
	lines := slices.Clone(l.ring)
	for place := 0; len(lines) > 0; place++ {
		longer := lines[:0] // than place
		for _, q := range lines {
			if l.fill(q, place, now, at) {
				at += l.interval
				longer = append(longer, q)
			}
		}
		lines = longer
	}
}

// fill finds the call that can be sent at that time, at that place of a line, and refuses those
// before. It reports whether there is one.
func (l *Limiter) fill(q *line, place int, now, at time.Duration) bool {
	for place < len(q.waiting) {
		w := q.waiting[place]
		if at <= w.latest && place < l.config.MaxQueue {
			return true
		}
		l.stats.Refused++
		w.err = &BusyError{RetryAfter: at - now, HeldFor: max(l.until-now, 0)}
		close(w.done)
		l.remove(q, place)
	}
	return false
}

// remove removes a call from a line, and an empty line from the ring.
func (l *Limiter) remove(q *line, place int) {
	q.waiting = slices.Delete(q.waiting, place, place+1)
	if len(q.waiting) == 0 {
		delete(l.lines, q.client)
		l.ring = slices.DeleteFunc(l.ring, func(other *line) bool { return other == q })
	}
}

// arm sets the timer for the next turn, if somebody waits for it.
func (l *Limiter) arm(now time.Duration) {
	switch {
	case len(l.ring) > 0 && l.timer == nil:
		l.timer = time.AfterFunc(l.next()-now, l.serve)
	case len(l.ring) > 0:
		l.timer.Reset(l.next() - now)
	case l.timer != nil:
		l.timer.Stop()
	}
}
