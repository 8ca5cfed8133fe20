package phantom

import (
	"cmp"
	"container/list"
	"errors"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// Errors of a Store. They come as they are, without anything around them.
var (
	// ErrUnknown means that the Store has not made the token, or has forgotten it.
	ErrUnknown = errors.New("there is no such token")

	// ErrExpired means that the token has lived its life.
	ErrExpired = errors.New("the token has expired")

	// ErrRevoked means that the token was ended before its time: by Revoke, by RevokeIf, or
	// because its client asked for too many others and used them rather than this one.
	ErrRevoked = errors.New("the token has been ended by a logout, by a change of the agent's configuration, or in favour of newer tokens of its client")

	// ErrTooMany means that no more tokens can live.
	ErrTooMany = errors.New("too many tokens are alive")
)

// Config says how many tokens there can be. Zero fields have the default that is given.
type Config struct {
	Life      time.Duration // of a token; 35 minutes, as Anaplan's
	PerClient int           // living ones of a client; 1000
	Total     int           // living ones, and as many that have ended; 20,000
}

// Store makes tokens and knows them again. All its methods may be called at the same time.
type Store struct {
	config Config
	wall   func() time.Time // tests let it jump

	mu      sync.Mutex
	tokens  map[key]*held
	byID    map[string]*held      // the living ones
	clients map[string]*list.List // of living *held; the least recently used first
	living  list.List             // of *held; the first to end first
	ended   list.List             // of *held; the first to be forgotten first
}

// held is a token in its Store.
type held struct {
	token Token // without its value
	key   key
	ends  time.Time // by the monotonic clock
	why   error     // it has ended; nil: it lives

	forgetAt time.Time // once it has ended, by the monotonic clock

	order *list.Element // in Store.living or Store.ended
	use   *list.Element // in its client's list, while it lives
}

// moment is a point in time on the two clocks.
type moment struct{ wall, mono time.Time }

// New returns a Store without tokens.
func New(config Config) *Store {
	config.Life = cmp.Or(config.Life, 35*time.Minute)
	config.PerClient = max(cmp.Or(config.PerClient, 1000), 1)
	config.Total = max(cmp.Or(config.Total, 20_000), 1)
	return &Store{
		config: config, wall: time.Now,
		tokens: map[key]*held{}, byID: map[string]*held{}, clients: map[string]*list.List{},
	}
}

// Issue makes a token. If its client has as many as it can, that one of them is ended which
// was not used for longest; ErrTooMany: all clients together have as many.
func (s *Store) Issue(holder Holder) (Token, error) {
	value := newValue()
	h := &held{key: keyOf(value), token: Token{Holder: holder, ID: newUUID(), RefreshID: newUUID()}}
	now := s.lock()
	defer s.mu.Unlock()
	if own := s.clients[holder.Client]; own != nil && own.Len() >= s.config.PerClient {
		s.end(own.Front().Value.(*held), ErrRevoked, now.mono)
	}
	if s.living.Len() >= s.config.Total {
		return Token{}, ErrTooMany
	}
	s.add(h, now)
	return h.token.with(value), nil
}

// Find returns the token of that value, and takes it for used.
func (s *Store) Find(value string) (Token, error) {
	now := s.lock()
	defer s.mu.Unlock()
	h, err := s.find(value, now)
	if err != nil {
		return Token{}, err
	}
	return h.token, nil
}

// Refresh gives the token of that value another life from now on.
func (s *Store) Refresh(value string) (Token, error) {
	id := newUUID()
	now := s.lock()
	defer s.mu.Unlock()
	h, err := s.find(value, now)
	if err != nil {
		return Token{}, err
	}
	h.token.RefreshID = id
	s.revive(h, now)
	s.living.MoveToBack(h.order)
	if parent := s.byID[h.token.Parent]; parent != nil {
		s.revive(parent, now)
		s.living.MoveToBack(parent.order)
	}
	return h.token.with(value), nil
}

// Revoke ends the token of that value. Of one that has ended already it returns how.
func (s *Store) Revoke(value string) error {
	now := s.lock()
	defer s.mu.Unlock()
	h, err := s.find(value, now)
	if err != nil {
		return err
	}
	s.end(h, ErrRevoked, now.mono)
	return nil
}

// RevokeIf ends all tokens of the holders for which doomed returns true, and returns how many those
// were. It asks once for each holder, and may call the Store meanwhile. A token that is issued
// meanwhile to a holder without one is not looked at.
func (s *Store) RevokeIf(doomed func(Holder) bool) int {
	holders := s.holders()
	for holder := range holders {
		holders[holder] = doomed(holder)
	}
	now := s.lock()
	defer s.mu.Unlock()
	before := s.living.Len()
	for e := s.living.Front(); e != nil; {
		h := e.Value.(*held)
		e = e.Next() // before h leaves the list
		if holders[h.token.Holder] {
			s.end(h, ErrRevoked, now.mono)
		}
	}
	return before - s.living.Len()
}

// Len returns how many tokens are alive.
func (s *Store) Len() int {
	s.lock()
	defer s.mu.Unlock()
	return s.living.Len()
}

// lock locks the Store, and clears away what has ended and what is to be forgotten. Each
// token is cleared away only once, so it costs little, though not always the same.
func (s *Store) lock() moment {
	s.mu.Lock()
	now := moment{wall: s.wall().Round(0), mono: time.Now()}
	for e := s.living.Front(); e != nil && e.Value.(*held).isOver(now); e = s.living.Front() {
		h := e.Value.(*held)
		s.end(h, ErrExpired, earlier(now.mono, h.ends))
	}
	for e := s.ended.Front(); e != nil && !now.mono.Before(e.Value.(*held).forgetAt); e = s.ended.Front() {
		s.forget(e.Value.(*held))
	}
	return now
}

// find returns the living token of that value.
func (s *Store) find(value string, now moment) (*held, error) {
	if len(value) != valueLength {
		return nil, ErrUnknown // without a hash of what may be long
	}
	h := s.tokens[keyOf(value)]
	if h == nil {
		return nil, ErrUnknown
	}
	if h.why == nil && h.isOver(now) {
		// lock has not seen it: after the wall clock was set back and forward again, it is not
		// the first in line.
		s.end(h, ErrExpired, now.mono)
	}
	if h.why == nil && h.token.Parent != "" && s.byID[h.token.Parent] == nil {
		s.end(h, ErrRevoked, now.mono)
	}
	if h.why != nil {
		return nil, h.why
	}
	s.clients[h.token.Client].MoveToBack(h.use)
	return h, nil
}

// add takes in a new token.
func (s *Store) add(h *held, now moment) {
	own := s.clients[h.token.Client]
	if own == nil {
		own = list.New()
		s.clients[h.token.Client] = own
	}
	s.revive(h, now)
	s.tokens[h.key], s.byID[h.token.ID] = h, h
	h.order, h.use = s.living.PushBack(h), own.PushBack(h)
}

// revive sets when a token ends.
func (s *Store) revive(h *held, now moment) {
	h.token.ExpiresAt, h.ends = now.wall.Add(s.config.Life), now.mono.Add(s.config.Life)
}

// end ends a living token, and remembers it.
func (s *Store) end(h *held, why error, at time.Time) {
	own := s.clients[h.token.Client]
	own.Remove(h.use)
	if own.Len() == 0 {
		delete(s.clients, h.token.Client)
	}
	s.living.Remove(h.order)
	delete(s.byID, h.token.ID)
	h.token, h.use = Token{}, nil // what is remembered need not take much
	h.why, h.forgetAt = why, at.Add(s.config.Life)
	h.order = s.ended.PushBack(h)
	if s.ended.Len() > s.config.Total {
		s.forget(s.ended.Front().Value.(*held))
	}
}

// forget forgets a token that has ended.
func (s *Store) forget(h *held) {
	s.ended.Remove(h.order)
	delete(s.tokens, h.key)
}

// holders returns the holders that have living tokens.
func (s *Store) holders() map[Holder]bool {
	s.lock()
	defer s.mu.Unlock()
	holders := map[Holder]bool{}
	for e := s.living.Front(); e != nil; e = e.Next() {
		holders[e.Value.(*held).token.Holder] = false
	}
	return holders
}

// isOver reports whether one of the clocks says that the token has ended.
func (h *held) isOver(now moment) bool {
	return !now.mono.Before(h.ends) || !now.wall.Before(h.token.ExpiresAt)
}

// with returns the token for a caller that knows its value.
func (t Token) with(value string) Token {
	t.Value = agent.NewSecret(value)
	return t
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
