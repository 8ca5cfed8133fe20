package phantom

import (
	"sync"
	"time"
)

// freshFor is how much of its life a token must have left that is handed out again.
const freshFor = 10 * time.Minute

// Reused hands out one token of a Store to each holder again and again, for callers that ask for one
// rather than keep it. The zero Reused has handed out none; its methods may be called at the same time.
type Reused struct {
	mu  sync.Mutex
	all map[Holder]reused
}

type reused struct {
	Token
	generation uint64
}

// Of returns the holder's token: that of before, unless it was for another generation, has ended or is
// about to, or is refused, as the caller has found.
func (r *Reused) Of(store *Store, holder Holder, generation uint64, refused bool) (Token, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held, ok := r.all[holder]
	if ok && !refused && held.generation == generation && held.ExpiresAt.Sub(store.wall()) > freshFor {
		if _, err := store.Find(held.Value.Reveal()); err == nil {
			return held.Token, nil
		}
	}
	token, err := store.Issue(holder)
	if err != nil {
		return Token{}, err
	}
	if r.all == nil {
		r.all = map[Holder]reused{}
	}
	for other, held := range r.all {
		if !store.wall().Before(held.ExpiresAt) {
			delete(r.all, other)
		}
	}
	r.all[holder] = reused{token, generation}
	return token, nil
}
