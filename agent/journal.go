package agent

import "sync"

// journal is what observe has not been told yet, in order.
type journal struct {
	observe func(Event)   // nil: nobody is told
	telling chan struct{} // full while observe is told; a lock that may be held for long

	mu     sync.Mutex // guards events; never held while observe is told
	events []Event
}

func (j *journal) add(event Event) {
	if j.observe == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, event)
}

// tell tells observe what there is to tell. Only Run and flights call it, so that observe may call
// the Keeper, and nothing is told after Run has returned.
func (j *journal) tell() {
	j.telling <- struct{}{}
	defer func() { <-j.telling }()
	for events := j.take(); len(events) > 0; events = j.take() {
		for _, event := range events {
			j.observe(event)
		}
	}
}

func (j *journal) take() []Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	events := j.events
	j.events = nil
	return events
}
