package phantom

import (
	"encoding/hex"
	"slices"
	"time"
)

// Kept is a living token as it can lie in a file: with the hash of its value, of which nobody can make
// the value.
type Kept struct {
	Hash      string    `json:"hash"` // SHA-256, in hexadecimal
	Client    string    `json:"client"`
	Profile   string    `json:"profile"`
	User      string    `json:"user,omitempty"`
	Parent    string    `json:"parent,omitempty"`
	ID        string    `json:"id"`
	RefreshID string    `json:"refresh_id"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Holder returns what the token stands for.
func (k Kept) Holder() Holder {
	return Holder{Client: k.Client, Profile: k.Profile, User: k.User, Parent: k.Parent}
}

// Keep returns the living tokens, for another Store to [Store.Restore].
func (s *Store) Keep() (all []Kept) {
	s.lock()
	defer s.mu.Unlock()
	for e := s.living.Front(); e != nil; e = e.Next() {
		h := e.Value.(*held)
		all = append(all, Kept{
			Hash: hex.EncodeToString(h.key[:]), Client: h.token.Client, Profile: h.token.Profile, User: h.token.User, Parent: h.token.Parent,
			ID: h.token.ID, RefreshID: h.token.RefreshID, ExpiresAt: h.token.ExpiresAt,
		})
	}
	return all
}

// Restore takes over tokens that another Store has kept, and returns how many: those that live still,
// within the bounds of this one. None gets a longer life than a new one has. It is for a Store without
// tokens.
func (s *Store) Restore(all []Kept) (restored int) {
	all = slices.SortedFunc(slices.Values(all), func(a, b Kept) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
	now := s.lock()
	defer s.mu.Unlock()
	for _, kept := range all {
		if s.restore(kept, now) {
			restored++
		}
	}
	return restored - s.endOrphans(now)
}

// endOrphans ends the tokens whose parent is not there, and returns how many those were.
func (s *Store) endOrphans(now moment) (ended int) {
	for e := s.living.Front(); e != nil; {
		h := e.Value.(*held)
		e = e.Next() // before h leaves the list
		if h.token.Parent != "" && s.byID[h.token.Parent] == nil {
			s.end(h, ErrRevoked, now.mono)
			ended++
		}
	}
	return ended
}

func (s *Store) restore(kept Kept, now moment) bool {
	h := &held{token: Token{Holder: kept.Holder(), ID: kept.ID, RefreshID: kept.RefreshID}}
	left := min(kept.ExpiresAt.Sub(now.wall), s.config.Life)
	n, err := hex.Decode(h.key[:], []byte(kept.Hash[:min(len(kept.Hash), 2*len(h.key))]))
	own := s.clients[kept.Client]
	switch {
	case err != nil, n != len(h.key), len(kept.Hash) != 2*len(h.key), left <= 0, s.tokens[h.key] != nil,
		s.living.Len() >= s.config.Total, own != nil && own.Len() >= s.config.PerClient:
		return false
	}
	s.add(h, now)
	h.token.ExpiresAt, h.ends = now.wall.Add(left), now.mono.Add(left)
	return true
}
