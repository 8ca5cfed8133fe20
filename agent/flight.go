package agent

import (
	"context"
	"sync"
)

// errand is what a flight is for.
type errand int

const (
	renewing   errand = iota // refresh, and log in if that is refused or there is nothing to refresh
	loggingIn                // log in, whatever there is
	loggingOut               // end tokens
)

// flight is what a Keeper does at one time, and the callers that wait for it.
type flight struct {
	errand  errand
	opening bool      // loggingIn: it undoes Lock
	ending  []holding // loggingOut: what is to end

	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // closed at the end; what was said below is final then

	// Guarded by the profile's lock.
	attended    bool     // a caller waits
	signing     bool     // Sign is under way
	signed      bool     // Sign has been called; attended does not change any more
	interrupted *Problem // of Lock or the end of Run, which says nothing about the profile; nil: it was not
	problem     *Problem
	unreplaced  *Problem // why a login has failed beside which there was a token; nil: none has

	mu       sync.Mutex // guards what follows; held while those who wait are told
	watchers map[*NotifyFunc]struct{}
	standing *Notice // what still holds, for later callers
}

// interrupt has the flight end with the problem.
func (f *flight) interrupt(problem *Problem) {
	f.interrupted = problem
	f.cancel(problem)
}

// wait waits for the end of the flight or of ctx; notify is told the notices meanwhile.
func (f *flight) wait(ctx context.Context, notify NotifyFunc) error {
	if notify != nil {
		f.watch(&notify)
		defer f.unwatch(&notify)
	}
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *flight) watch(notify *NotifyFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers[notify] = struct{}{}
	if f.standing != nil {
		(*notify)(*f.standing)
	}
}

func (f *flight) unwatch(notify *NotifyFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watchers, notify)
}

// tell tells a notice to all who wait.
func (f *flight) tell(notice Notice) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch notice.Kind {
	case NoticeTouch, NoticePerson, NoticeBusy:
		f.standing = &notice
	case NoticeTouchOver, NoticeWorking:
		f.standing = nil
	}
	for notify := range f.watchers {
		(*notify)(notice)
	}
}

// hush ends what was told: nobody waits for a person any more.
func (f *flight) hush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.standing = nil
}

// lackedPerson reports whether the flight failed for want of a person, and asked none
// because nobody waited.
func (f *flight) lackedPerson(problem *Problem) bool {
	return !f.attended && !problem.Final && problem.Attend
}
