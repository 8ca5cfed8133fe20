//go:build cgo

package main

import (
	"os"
	"slices"
	"syscall"
	"time"
)

// upsets returns all rows.
func upsets() []upset {
	return slices.Concat(leaderUpsets(), wayUpsets(), storeUpsets(), allUpsets(), certificateUpsets(), callUpsets())
}

// leaderUpsets are what happens to the leader's machine.
func leaderUpsets() []upset {
	return []upset{
		{name: "the leader is killed", brief: true, gap: gapKilled, logins: 1, act: func(f *companyLab, leader *companyMachine, _ bool) time.Duration {
			leader.kill()
			f.succeeds(leader)
			leader.start()
			return 0
		}},
		{name: "the leader is stopped", brief: true, gap: gapKilled, logins: 1, act: func(f *companyLab, leader *companyMachine, _ bool) time.Duration {
			leader.stop()
			f.succeeds(leader)
			leader.start()
			return 0
		}},
		{name: "the leader is frozen for 20 s, and back", gap: gapFrozen, logins: 2, act: func(f *companyLab, leader *companyMachine, _ bool) time.Duration {
			leader.signalAll(syscall.SIGSTOP)
			time.Sleep(20 * time.Second)
			leader.signalAll(syscall.SIGCONT)
			f.agree()
			return 0
		}},
		{name: "the leader is frozen until another leads, and back", brief: true, gap: gapFrozen, logins: 2, act: func(f *companyLab, leader *companyMachine, _ bool) time.Duration {
			leader.signalAll(syscall.SIGSTOP)
			f.succeeds(leader)
			leader.signalAll(syscall.SIGCONT)
			f.agree()
			return 0
		}},
		{name: "the device of the leader is pulled", brief: true, gap: gapGiven, logins: 2, act: func(f *companyLab, leader *companyMachine, _ bool) time.Duration {
			leader.check(os.Rename(leader.path("tokens"), leader.path("hidden")))
			leader.check(leader.logsOut())
			f.succeeds(leader)
			leader.check(os.Rename(leader.path("hidden"), leader.path("tokens")))
			f.await("its key can be used again", func() bool { return !f.others(leader)[0].missesOne() })
			return 0
		}},
		{name: "a follower is killed", brief: true, once: true, gap: gapNone, hits: aFollower, act: func(f *companyLab, leader *companyMachine, _ bool) time.Duration {
			one := f.others(leader)[0]
			one.kill()
			one.start()
			f.agree()
			return 0
		}},
	}
}

// succeeds waits until all others agree that one of them leads.
func (f *companyLab) succeeds(leader *companyMachine) {
	f.t.Helper()
	rest := f.others(leader)
	f.await("another leads", func() bool {
		found := f.agreed(rest)
		return found != nil && found != leader
	})
}

// agree waits until all members agree who leads.
func (f *companyLab) agree() { f.t.Helper(); f.leader(f.members...) }

// aFollower returns the members that a row about a follower hits.
func aFollower(f *companyLab, leader *companyMachine) []*companyMachine { return f.others(leader)[:1] }
