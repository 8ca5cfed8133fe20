package lease

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
	"github.com/anaplan-agent/anaplan-agent/agent/fleet"
	"github.com/anaplan-agent/anaplan-agent/agent/lease/record"
)

// Duration is for how long a lease counts that is not renewed. A frozen leader, whose port takes
// connections and answers nothing, is missed for so long; a store that answers slowly or not at all
// for less makes nobody take over.
const Duration = 10 * time.Second

// The parts of a lease's duration. The leader has failed four times before its lease runs out. Those who
// look see a renewal at most a tenth late, so that they take over a tenth late at most.
const (
	renewals = 5
	looks    = 10
)

// longest is the duration that is believed of a record which somebody else has written.
const longest = time.Minute

// endTime is for giving the lease away at the end, for which the agent does not wait longer.
const endTime = time.Second

// Store has the record of a lease. Package record says what it answers.
type Store interface {
	Read(ctx context.Context) (record.Stored, error)

	// Write replaces the record of a version, "" where there is none, and returns the new one. Where
	// another is there by now it returns record.ErrChanged.
	Write(ctx context.Context, version string, new record.Record) (record.Stored, error)

	Close()
}

// Config says who takes part, and where.
type Config struct {
	Name    string // of this member, for people
	Address string // where the other members reach it

	// Fallback is asked who leads while the store has never answered, or is away and the leader's port
	// has refused. It is run with the Lease. nil: nobody leads then.
	Fallback fleet.Election

	// AuditHead returns the head of this machine's audit log. nil: there is none.
	AuditHead func() string

	Duration time.Duration // 0: Duration
	Logger   *slog.Logger  // nil discards

	// Getenv finds the API of Kubernetes, in Open. nil: os.Getenv.
	Getenv func(name string) string
}

// Lease is a fleet.Election by the record of a store. All methods may be called at the same time; Run once.
type Lease struct {
	store  Store
	config Config
	holder string // this process, as no other is called
	log    *slog.Logger
	wake   chan struct{} // has one when something is to be done at once

	mu      sync.Mutex
	problem *agent.Problem // why this member cannot lead; nil: it can
	leads   bool
	seen    bool          // the store has answered
	known   record.Stored // by its last answer
	beat    time.Time     // when a new one was last seen
	watched bool          // the holder was seen to renew
	before  string        // the holder that this member was before it was started again
	highest uint64        // epoch
	trouble error

	answered   time.Time // when the store last did what it was asked
	away       bool      // the store did not answer when it was last asked
	unwritable bool      // it did not take what was last written in the leader's place

	suspect   string // a leader whose port has refused
	suspected time.Time
	pounced   time.Time // when a suspicion was last acted on

	last    fleet.View
	changed chan struct{}
}

// New returns a Lease in a store, which it closes at the end of Run.
func New(store Store, config Config) *Lease {
	if config.Duration <= 0 {
		config.Duration = Duration
	}
	if config.AuditHead == nil {
		config.AuditHead = func() string { return "" }
	}
	var random [4]byte
	rand.Read(random[:])
	l := &Lease{
		store: store, config: config, holder: config.Name + "_" + hex.EncodeToString(random[:]),
		log:  cmp.Or(config.Logger, slog.New(slog.DiscardHandler)),
		wake: make(chan struct{}, 1), changed: make(chan struct{}), answered: time.Now(),
	}
	l.last = l.view()
	return l
}

// Run takes part until ctx ends, and then gives the lease away if it has it.
func (l *Lease) Run(ctx context.Context) {
	defer l.store.Close()
	var others sync.WaitGroup
	defer others.Wait()
	if l.config.Fallback != nil {
		others.Go(func() { l.config.Fallback.Run(ctx) })
		others.Go(func() { l.follow(ctx) })
	}
	for ctx.Err() == nil {
		l.step(ctx)
		timer := time.NewTimer(l.wait())
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	l.end(ctx)
}

// follow tells of changes of the fallback while that counts, until ctx ends.
func (l *Lease) follow(ctx context.Context) {
	for {
		changed := l.config.Fallback.Changed()
		l.update(func() {})
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// wait returns how long it is until something is to be done.
func (l *Lease) wait() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leads && l.trouble == nil {
		every := l.config.Duration / renewals
		return every - backoff.Jitter(every/10)
	}
	every := l.config.Duration / looks
	every -= backoff.Jitter(every / 10)
	if left := l.left(l.known); l.known.Holder != "" && left > 0 && l.trouble == nil {
		return min(every, left)
	}
	return every
}

// end gives the lease away, so that another member takes it at once.
func (l *Lease) end(ctx context.Context) {
	l.mu.Lock()
	leads, version, given := l.leads, l.known.Version, l.givenAway(l.config.Name+" has ended")
	l.mu.Unlock()
	if !leads {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	_, err := l.store.Write(ctx, version, given)
	if errors.Is(err, record.ErrChanged) { // by a renewal that was under way, as a rule
		var stored record.Stored
		if stored, err = l.store.Read(ctx); err == nil && stored.Holder == l.holder {
			_, err = l.store.Write(ctx, stored.Version, given)
		}
	}
	if err != nil {
		l.log.Warn("the lease is not given away, and runs out", "error", err)
	}
	l.update(func() { l.leads = false })
}
