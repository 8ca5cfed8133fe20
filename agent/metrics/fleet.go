package metrics

import (
	"fmt"
	"time"
)

// Fleet is how the fleet does of which the agent is a member, as it sees that.
type Fleet struct {
	Name    string // that all its members have for it
	Leader  string // the address of the member that leads; "": that is not known
	Leads   bool   // it is this one
	CanLead bool   // this one could
	Epoch   uint64 // of the lease; 0: there is none

	StoreAnswered time.Time // when the store of the lease last did; zero: there is no store
	Members       []FleetMember
}

// FleetMember is a member of the fleet.
type FleetMember struct {
	Address   string
	Self      bool // it is this one, of which no more is told
	Reachable bool
	Skew      time.Duration // by which its clock is ahead; of one that is not reachable nothing is told
}

// Certificate is the one by which other machines know the agent.
type Certificate struct {
	Usable              bool      // the files are, as they are now
	NotBefore, NotAfter time.Time // of the certificate in use; zero: there is none
}

// SetFleet sets what tells, at each scrape, how the fleet does; it may return nil. It is called before
// anything else.
func (m *Metrics) SetFleet(fleet func() *Fleet) { m.fleet.now = fleet }

// SetCertificate sets what tells, at each scrape, of the certificate for other machines. It is called
// before anything else.
func (m *Metrics) SetCertificate(certificate func() Certificate) { m.fleet.certificate = certificate }

// TookOver counts that this member has begun to lead.
func (m *Metrics) TookOver() { m.fleet.takeovers.Inc() }

// Forwarded counts a call that was sent to a member of a fleet. ok: it has answered, and not with a
// trouble of its own.
func (m *Metrics) Forwarded(member string, ok bool) {
	m.fleet.forwarded.counter(labels("member", member, "result", resultOf(ok))).Inc()
}

// Forwards begins to count the calls that are sent to a member, so that the first one is seen as a change.
func (m *Metrics) Forwards(member string) {
	for _, ok := range []bool{true, false} {
		m.fleet.forwarded.counter(labels("member", member, "result", resultOf(ok)))
	}
}

func resultOf(ok bool) string {
	if ok {
		return "ok"
	}
	return "failed"
}

// fleet is what is told of a fleet.
type fleet struct {
	now         func() *Fleet      // nil: there is none
	certificate func() Certificate // nil: there is none
	takeovers   counter
	forwarded   *family
}

func newFleet() *fleet {
	return &fleet{forwarded: newFamily(prefix+"fleet_forwarded_total", "counter", "Calls that were sent to another member, by whether that has made them.")}
}

// write adds all of it.
func (f *fleet) write(out *page) {
	if f.now != nil {
		if now := f.now(); now != nil {
			f.writeMember(out, now)
		}
	}
	f.forwarded.write(out)
	if f.certificate != nil {
		writeCertificate(out, f.certificate())
	}
}

// writeMember adds what is told of the fleet as this member sees it.
func (f *fleet) writeMember(out *page, now *Fleet) {
	whose := labels("fleet", now.Name)
	one := func(name, kind, help string, value any) {
		out.head(prefix+name, kind, help)
		fmt.Fprintf(out, "%s%s%s %v\n", prefix, name, whose, value)
	}
	one("fleet_leads", "gauge", "1 if this member leads.", bit(now.Leads))
	one("fleet_can_lead", "gauge", "1 if this member could lead: its key can be used.", bit(now.CanLead))
	one("fleet_epoch", "gauge", "Of the lease, by which each lead has a higher one; 0 without a lease.", now.Epoch)
	one("fleet_takeovers_total", "counter", "How often this member began to lead.", f.takeovers.count.Load())
	if !now.StoreAnswered.IsZero() {
		one("fleet_store_silent_seconds", "gauge", "Since the store of the lease did last what it was asked.", fmt.Sprintf("%.3f", time.Since(now.StoreAnswered).Seconds()))
	}
	each := func(name, help string, isTold func(FleetMember) bool, value func(FleetMember) any) {
		headed := false
		for _, member := range now.Members {
			if !isTold(member) {
				continue
			}
			if !headed {
				out.head(prefix+name, "gauge", help)
				headed = true
			}
			fmt.Fprintf(out, "%s%s%s %v\n", prefix, name, labels("fleet", now.Name, "member", member.Address), value(member))
		}
	}
	each("fleet_leader", "1 for the member that leads, as this one sees it.",
		func(FleetMember) bool { return true },
		func(member FleetMember) any { return bit(member.Address == now.Leader) })
	each("fleet_member_reachable", "1 for a member that answers this one.",
		func(member FleetMember) bool { return !member.Self },
		func(member FleetMember) any { return bit(member.Reachable) })
	each("fleet_member_clock_ahead_seconds", "By how much a member's clock is ahead of this one's; negative: behind.",
		func(member FleetMember) bool { return !member.Self && member.Reachable },
		func(member FleetMember) any { return fmt.Sprintf("%.3f", member.Skew.Seconds()) })
}

// writeCertificate adds how the certificate for other machines does. When it should have been renewed
// is a matter of for how long it is valid, which is from an hour to years.
func writeCertificate(out *page, certificate Certificate) {
	writeOne(out, prefix+"tls_files_usable", "gauge", "1 if the files in the directory tls can be used as they are.", float64(bit(certificate.Usable)))
	if certificate.NotAfter.IsZero() {
		return
	}
	writeOne(out, prefix+"tls_certificate_seconds_left", "gauge", "Until the certificate ends by which other machines know this one.", time.Until(certificate.NotAfter).Seconds())
	writeOne(out, prefix+"tls_certificate_lifetime_seconds", "gauge", "For how long that certificate is valid in all.", certificate.NotAfter.Sub(certificate.NotBefore).Seconds())
}

// bit is how a gauge says yes and no.
func bit(is bool) int {
	if is {
		return 1
	}
	return 0
}
