package agent

import "context"

// Adopt has k take the place of before, which has tokens of the same Anaplan: k takes over the
// token, and whether it is locked. From then on before renews and hands out nothing, and callers
// that ask it are answered by k, also those that wait for it already. k must not have been asked
// for anything yet; before still has to be ended.
//
// What before has sent to Anaplan is waited for until ctx ends, so that the token that comes of it
// is not lost. A signature is not: a caller that waits for it gets one of k's.
//
// What made the token may not be what k signs with. So when it is to be renewed a login is
// tried first, unless that takes a person; if it fails the token is refreshed as others
// are, and the login is tried at the next renewal.
func (k *Keeper) Adopt(ctx context.Context, before *Keeper) {
	for f := k.takeOver(before, false); f != nil; f = k.takeOver(before, ctx.Err() != nil) {
		f.wait(ctx, nil)
	}
}

// takeOver makes k the heir of before, and returns nil; or what is to be waited for first.
func (k *Keeper) takeOver(before *Keeper, atOnce bool) *flight {
	now := k.clock()
	before.mu.Lock()
	defer before.mu.Unlock()
	if f := before.flight; f != nil && !f.signing && !atOnce {
		return f
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.settle(now)
	k.inherit(before)
	before.bequeath(k)
	return nil
}

// inherit takes over what holds for k, too. What went wrong does not, for k may have been
// made to put it right; that Anaplan has asked for patience does.
func (k *Keeper) inherit(before *Keeper) {
	k.held.inherit(before.held)
	k.certificate, k.locked, k.logouts = before.certificate, before.locked, before.logouts
	k.complaints = before.complaints
	k.trouble.wait, k.trouble.waitUntil = before.trouble.wait, before.trouble.waitUntil
	k.agenda.inherit(before.agenda, k.held.has())
}

// bequeath ends what k does, in favour of heir.
func (k *Keeper) bequeath(heir *Keeper) {
	k.heir, k.stopped = heir, true
	k.agenda.clear()
	k.agenda.usedAt = moment{}
	k.logouts = nil
	k.held.drop()
	if k.flight != nil {
		k.flight.interrupt(stoppingProblem())
	}
}

// successor returns the Keeper to ask in place of k, if err says that k is at its end; nil if there
// is none.
func (k *Keeper) successor(err error) *Keeper {
	if err == nil || ProblemOf(err).Code != CodeStopping {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.heir
}

// isForeign reports whether the token is to be replaced by one of k's own, where it would be
// refreshed otherwise.
func (k *Keeper) isForeign() bool {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held.foreign && k.held.isLive(now) && !k.locked && k.trouble.final == nil
}
