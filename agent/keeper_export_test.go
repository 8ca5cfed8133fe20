package agent

import "time"

// SetWall sets the wall clock of a Keeper that does not run yet.
func (k *Keeper) SetWall(now func() time.Time) { k.profile.wall = now }
