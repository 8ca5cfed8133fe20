package agent

import "time"

// holding is a token that is held, and its life. Without a token it is the generation of the last.
type holding struct {
	lease    Lease
	ends     moment
	lastCall moment // when a login is due if the token could not be refreshed
	relogged bool   // a login was tried because something refused to refresh the token
	foreign  bool   // the token was made by the Keeper before this one
}

// take holds a token; changed: it is another than the one before.
func (h *holding) take(token Token, changed bool, now moment) {
	token.ExpiresAt = token.ExpiresAt.Round(0) // what is compared with the wall clock has no other reading
	life := token.ExpiresAt.Sub(now.wall)
	if changed {
		h.lease.Generation++
	}
	h.lease.Token = token
	h.ends, h.lastCall, h.relogged = now.add(life), now.add(life-reserve(life)), false
}

// inherit holds what the Keeper before has held.
func (h *holding) inherit(before holding) {
	if !before.has() {
		h.lease.Generation = max(h.lease.Generation, before.lease.Generation)
		return
	}
	*h = before
	h.foreign = true
}

// drop forgets the token, but not its generation. A caller that got it before can go on with it.
func (h *holding) drop() { h.lease.Token = Token{} }

func (h *holding) has() bool { return !h.lease.Token.Value.IsZero() }

// isLive reports whether the token may be handed out: neither clock says that it has ended.
func (h *holding) isLive(now moment) bool { return h.has() && h.ends.until(now) > 0 }

// isRenewable reports whether it is worth while to refresh the token: it is, too, when
// only the wall clock says that it has ended, for that one can be wrong.
func (h *holding) isRenewable(now moment) bool { return h.has() && h.ends.mono.After(now.mono) }

// isOf reports whether the token that is held is of that generation; none is of generation 0.
func (h *holding) isOf(generation uint64) bool { return h.has() && h.lease.Generation == generation }

// endsIn returns how long a token is worth while; never: there is none.
func (h *holding) endsIn(now moment) time.Duration {
	if !h.has() {
		return never
	}
	return h.ends.mono.Sub(now.mono)
}

// beforeLastCall returns the wait, but no longer than until a login is due for a token that lives.
func (h *holding) beforeLastCall(wait time.Duration, now moment) time.Duration {
	if left := h.lastCall.until(now); h.isLive(now) && left > 0 {
		return min(wait, left)
	}
	return wait
}

// forRefresh returns how long a refresh may take: after it there must be time for a login, should
// it fail.
func (h *holding) forRefresh(limit time.Duration, now moment) time.Duration {
	if left := h.lastCall.until(now); left > 0 {
		return min(limit, left)
	}
	if h.isLive(now) {
		return min(limit, h.ends.until(now)/2)
	}
	return limit
}
