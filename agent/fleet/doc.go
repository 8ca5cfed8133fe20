// Package fleet is how agents that have keys of their own share one login: the members of a fleet. One
// of them leads, which logs in, holds the tenant's allowance, decides by policies, writes the audit log
// and makes the calls; the others forward to it.
//
//	peers := fleet.NewPeers(fleet.PeersConfig{Self: address, Members: all, Probe: fleet.NewProbe(identity, trust), …})
//	election := fleet.NewOrder(peers)
//	go peers.Run(ctx)
//	go election.Run(ctx)
//	if !election.View().Self { /* forward to election.View().Address */ }
//
// Who leads is for an [Election] to say, of which [Order] needs nothing but the members themselves. Two
// that lead at the same time are wasteful and not wrong: there is one login more, and what Anaplan says
// about too many calls holds for each. So a member that is in doubt makes calls itself, and nobody waits
// for an agreement.
//
// An [Origin] is what one member tells another about a call: whose it is.
package fleet
