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
	before.profile.mu.Lock()
	defer before.profile.mu.Unlock()
	if f := before.profile.flight; f != nil && !f.signing && !atOnce {
		return f
	}
	now := k.profile.enter()
	defer k.profile.leave(now)
	k.profile.inherit(&before.profile)
	before.heir = k
	return nil
}
