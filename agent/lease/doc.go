// Package lease has one agent of several lead, by a lease in a store that people run already: a row in
// PostgreSQL, or a Lease of Kubernetes.
//
//	election, err := lease.Open("postgres:service=anaplan", lease.Config{Name: "agent-1", Address: "agent-1.example:8471"})
//	go election.Run(ctx)
//	for view := election.View(); ; view = election.View() { // calls go to view.Address, or are made here
//		<-election.Changed()
//	}
//
// The leader writes the lease anew every fifth of its duration. Another member takes its place at once
// when the leader gives the lease away or its port refuses a connection, else when the lease has run
// out. Each take-over is one write that names what it replaces, so of two members one wins; its epoch
// is higher than all before.
//
// Two leaders for a while cost a login more and are not wrong, while none is a night without calls. So
// a leader that cannot reach the store serves on, and yields to a newer epoch only; and a member that
// has never reached the store follows what Config.Fallback says, which is the order of the members.
//
// Time is measured by this machine's monotonic clock, so a clock that jumps changes nothing. What other
// members' clocks say is not believed; the store's own is by a member that has not yet seen the leader
// renew.
package lease
