package phantom

import "time"

// SetWall sets the wall clock of a Store that is not yet used.
func (s *Store) SetWall(now func() time.Time) { s.wall = now }

// Known returns how many tokens the Store knows, ended ones included, and of how many clients.
func (s *Store) Known() (tokens, clients int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tokens), len(s.clients)
}
