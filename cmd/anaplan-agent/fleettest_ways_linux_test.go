//go:build cgo

package main

import (
	"time"
)

// cutFor is for how long a way is lost: longer than a lease counts.
const cutFor = 15 * time.Second

// wayUpsets are ways that are lost: packets are sent, and nobody hears of it.
func wayUpsets() []upset {
	cut := func(name string, logins int, gap time.Duration, ends func(f *companyLab, leader *companyMachine) (from, to []*host)) upset {
		return upset{name: name, logins: logins, gap: gap, act: func(f *companyLab, leader *companyMachine, _ bool) time.Duration {
			from, to := ends(f, leader)
			for _, one := range from {
				one.cut(to...)
			}
			time.Sleep(cutFor)
			for _, one := range from {
				one.mend(to...)
			}
			f.agree()
			return 0
		}}
	}
	both := func(f func(*companyLab, *companyMachine) []*host) func(*companyLab, *companyMachine) (from, to []*host) {
		return func(lab *companyLab, leader *companyMachine) (from, to []*host) {
			all := append(f(lab, leader), leader.host)
			return all, all
		}
	}
	store := func(f *companyLab, _ *companyMachine) []*host { return []*host{f.store.at} }
	members := func(f *companyLab, leader *companyMachine) []*host { return hostsOf(f.others(leader)) }
	edges := func(f *companyLab, _ *companyMachine) []*host { return hostsOf(f.edges) }
	anaplan := func(f *companyLab, _ *companyMachine) []*host { return []*host{f.anaplan.host} }
	rows := []upset{
		cut("the leader is cut off from the store: two lead for a while", 1, gapKilled, both(store)),
		cut("the store's answers do not reach the leader", 1, gapKilled, func(f *companyLab, leader *companyMachine) (from, to []*host) {
			return store(f, leader), []*host{leader.host}
		}),
		cut("the leader is cut off from the members", 2, gapFrozen, both(members)),
		cut("what the leader sends does not reach the members", 2, gapFrozen, func(f *companyLab, leader *companyMachine) (from, to []*host) {
			return []*host{leader.host}, members(f, leader)
		}),
		cut("what the members send does not reach the leader", 2, gapFrozen, func(f *companyLab, leader *companyMachine) (from, to []*host) {
			return members(f, leader), []*host{leader.host}
		}),
		cut("the leader is cut off from the edges", 1, gapFrozen, both(edges)),
		cut("the leader is cut off from Anaplan", 1, 0, both(anaplan)),
	}
	rows[0].place, rows[1].place = withLease, withLease
	rows[0].brief = true
	return rows
}

func hostsOf(machines []*companyMachine) (hosts []*host) {
	for _, m := range machines {
		hosts = append(hosts, m.host)
	}
	return hosts
}

// storeUpsets are what happens to the store. None of it is noticed.
func storeUpsets() []upset {
	row := func(name string, brief bool, act func(f *companyLab, whole bool)) upset {
		return upset{name: name, place: withLease, brief: brief, gap: gapNone, act: func(f *companyLab, _ *companyMachine, whole bool) time.Duration {
			act(f, whole)
			f.agree()
			return 0
		}}
	}
	return []upset{
		row("the store is down: 40 s (short: until all say so)", true, func(f *companyLab, whole bool) {
			f.store.stop()
			if whole {
				time.Sleep(40 * time.Second)
			} else {
				f.awaitTrouble()
			}
			f.store.start()
		}),
		row("the store is restarted", false, func(f *companyLab, _ bool) { f.store.stop(); f.store.start() }),
		row("the store is slow for 30 s", false, func(f *companyLab, _ bool) { f.store.slowFor(30 * time.Second) }),
		row("the store is read-only for 20 s", false, func(f *companyLab, _ bool) {
			f.store.sql("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
			time.Sleep(20 * time.Second)
			f.store.sql("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
		}),
		row("the row is deleted by hand", true, func(f *companyLab, _ bool) {
			f.store.sql("DELETE FROM anaplan_agent_lease")
			f.await("there is a row again", func() bool { return f.store.sql("SELECT holder <> '' FROM anaplan_agent_lease") == "t" })
		}),
		row("the row has a column more, as of a later version", true, func(f *companyLab, _ bool) {
			f.store.sql("ALTER TABLE anaplan_agent_lease ADD COLUMN later text NOT NULL DEFAULT 'x'")
			before := f.store.sql("SELECT version FROM anaplan_agent_lease")
			f.await("the lease is renewed", func() bool { return f.store.sql("SELECT version FROM anaplan_agent_lease") != before })
			f.store.sql("ALTER TABLE anaplan_agent_lease DROP COLUMN later")
		}),
	}
}

// awaitTrouble waits until all members say that they do not reach the store.
func (f *companyLab) awaitTrouble() {
	f.t.Helper()
	f.await("the members miss the store", func() bool {
		for _, m := range f.members {
			if m.fleet().Trouble == "" {
				return false
			}
		}
		return true
	})
}
