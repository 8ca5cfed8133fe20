// Package phantom makes the tokens that clients get in the place of Anaplan's: random, and
// worth something only at the agent that made them, which puts the real one in when it
// forwards a call. The agent's local API uses it for what it answers under /token/.
//
//	store := phantom.New(phantom.Config{})
//	token, err := store.Issue(phantom.Holder{Client: "client:nightly", Profile: "default"})
//	...
//	held, err := store.Find(value) // that a caller has shown
//	if errors.Is(err, phantom.ErrExpired) { ... }
//
// A [Store] keeps the SHA-256 of a value, not the value, so that reading its memory gives nobody a
// token. That a look-up takes longer for one wrong value than for another says nothing, for nobody
// can choose hashes.
//
// # Bounds
//
// A client that asks for ever more tokens loses its own: beyond [Config].PerClient the one
// that it has not used for longest is ended. Beyond [Config].Total nobody gets another before
// one ends, so that no client takes the tokens of others. As many ended ones as Total are
// remembered for as long as a token lives, so that a client that shows one learns that it has
// ended, and is not taken for a thief. However many are asked for, the memory is the same.
//
// [Store.Keep] gives the living tokens as hashes, for the Store of the next process to [Store.Restore].
//
// # Clocks
//
// A token ends when the first of two clocks says so. The monotonic one stands still while
// the machine sleeps, so alone it would let a token live on for as long as the lid was
// closed; the wall clock can be set back, and alone would do the same. The price is that
// setting the wall clock forward ends tokens early: their clients log in again. What has
// been found ended stays so, wherever the clock is set then.
//
// # What it refuses
//
// Everything that it has not made. Its caller has to check which user may show a token (a [Holder]
// has one) and what for.
package phantom
