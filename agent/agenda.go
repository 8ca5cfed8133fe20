package agent

import "time"

// agenda is what a Keeper does by itself, for as long as somebody may want a token.
type agenda struct {
	eager  bool          // KeeperConfig.Eager
	rests  time.Duration // KeeperConfig.Idle
	wanted bool          // a token is to be had without a caller
	idle   bool          // nobody has asked for so long
	next   moment        // when to try, if a token is wanted; zero: not before a caller
	usedAt moment        // when a caller last asked; zero: never
}

// use notes that a caller has asked, and reports whether that ends a rest; renewable: there is a
// token that can be kept alive again.
func (a *agenda) use(renewable bool, now moment) bool {
	rested := a.idle
	a.usedAt, a.idle = now, false
	a.wanted = a.wanted || a.eager || rested && renewable
	return rested
}

// rest reports whether nobody has asked for so long that nothing is done any more from now on.
func (a *agenda) rest(now moment) bool {
	if a.restIn(now) > 0 {
		return false
	}
	a.idle, a.wanted = true, false
	return true
}

// restIn returns how long until the Keeper stops to do anything for nobody, and says so.
func (a *agenda) restIn(now moment) time.Duration {
	if a.eager || a.idle || a.usedAt.isZero() {
		return never
	}
	return max(0, a.usedAt.add(a.rests).until(now))
}

// clear leaves what is next to callers.
func (a *agenda) clear() { a.wanted, a.idle, a.next = false, false, moment{} }

// inherit does for callers what was done for them before; renews: also what was to be done next.
func (a *agenda) inherit(before agenda, renews bool) {
	a.usedAt, a.idle = before.usedAt, before.idle && !a.eager
	if renews {
		a.wanted, a.next = a.wanted || before.wanted, before.next
	}
}
