package fleet

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// Times of Peers. A member that is frozen is found out within the two together.
const (
	probeEvery = time.Second
	probeTime  = 2 * time.Second
)

// OddSkew is by how much the clocks of two machines differ where that matters: certificates and tokens are
// valid from one time to another.
const OddSkew = 30 * time.Second

// PeersConfig says who the members are.
type PeersConfig struct {
	Self    string   // the address of this one, which is not asked; "": all are
	Members []string // of all, in the order in which they lead
	Probe   Probe

	// Refused is told when the port of a member begins to refuse connections. nil: nobody is.
	Refused func(address string)
}

// Peers looks at the other members all the time. All its methods may be called at the same time.
type Peers struct {
	probe   Probe
	refused func(address string)

	mu     sync.Mutex
	states []State // in the order of the members
	pokes  []chan struct{}
	noted  func() // is told that one may do otherwise
}

// State is how a member does, as seen from this one.
type State struct {
	Address string
	Self    bool         // it is this one, of which nothing else is here
	Known   bool         // it was asked at least once
	Err     error        // why it has not answered the last time, in words; nil: it has
	Told    local.Member // of its last answer

	Skew time.Duration // of its clock, which is ahead by it, to the time that an answer takes
}

// isThere reports whether a member is known to answer.
func (s *State) isThere() bool { return s.Self || s.Known && s.Err == nil }

// NewPeers returns Peers. Nobody is asked before Run.
func NewPeers(config PeersConfig) *Peers {
	p := &Peers{probe: config.Probe, refused: config.Refused, noted: func() {}}
	if p.refused == nil {
		p.refused = func(string) {}
	}
	for _, address := range config.Members {
		isSelf := address == config.Self
		p.states = append(p.states, State{Address: address, Self: isSelf, Known: isSelf})
		p.pokes = append(p.pokes, make(chan struct{}, 1))
	}
	return p
}

// Run asks the other members until ctx ends.
func (p *Peers) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for i, state := range p.States() {
		if !state.Self {
			all.Go(func() { p.watch(ctx, i, state.Address) })
		}
	}
}

// Look asks all members once, side by side, and returns how they do.
func (p *Peers) Look(ctx context.Context) []State {
	var all sync.WaitGroup
	for i, state := range p.States() {
		if !state.Self {
			all.Go(func() { p.ask(ctx, i, state.Address) })
		}
	}
	all.Wait()
	return p.States()
}

func (p *Peers) watch(ctx context.Context, i int, address string) {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		p.ask(ctx, i, address)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-p.pokes[i]:
		}
	}
}

func (p *Peers) ask(ctx context.Context, i int, address string) {
	within, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	began := time.Now()
	told, err := p.probe(within, address)
	if ctx.Err() != nil {
		return
	}
	isNews := false
	p.note(func() {
		state := &p.states[i]
		isNews = err == errRefused && state.Err != err
		state.Known, state.Err = true, err
		if err == nil {
			state.Told, state.Skew = told, told.Time.Sub(began.Add(time.Since(began)/2))
		}
	})
	if isNews {
		p.refused(address)
	}
}

// note changes a state, and tells that.
func (p *Peers) note(change func()) {
	p.mu.Lock()
	change()
	noted := p.noted
	p.mu.Unlock()
	noted()
}

// onNote has f told that a member may do otherwise, in place of those before.
func (p *Peers) onNote(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noted = f
}

// States returns how all members do, in their order.
func (p *Peers) States() []State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.states)
}

// errRefused is what is known of a member whose port refuses connections.
var errRefused = errors.New("the connection was refused: no agent listens there")

// Suspect takes a member for one that is not there, until it has answered again.
func (p *Peers) Suspect(address string) {
	i := slices.IndexFunc(p.States(), func(s State) bool { return s.Address == address && !s.Self })
	if i < 0 {
		return
	}
	p.note(func() { p.states[i].Known, p.states[i].Err = true, cmp.Or(p.states[i].Err, errRefused) })
	p.Recheck(address)
}

// Recheck has a member asked again at once.
func (p *Peers) Recheck(address string) {
	i := slices.IndexFunc(p.States(), func(s State) bool { return s.Address == address && !s.Self })
	if i < 0 {
		return
	}
	select {
	case p.pokes[i] <- struct{}{}:
	default:
	}
}
