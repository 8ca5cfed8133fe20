//go:build cgo

package main

import (
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls/mutualtlstest"
)

// allUpsets are what happens to all members at once.
func allUpsets() []upset {
	return []upset{
		{name: "all members are killed, and one is back", brief: true, gap: gapBack, logins: 2, fails: true, act: func(f *companyLab, leader *companyMachine, _ bool) time.Duration {
			f.killMembers()
			for _, edge := range f.edges {
				if err := edge.asks(); err == nil || !strings.Contains(err.Error(), "no member of the fleet can be reached") {
					f.t.Errorf("an edge says: %v", err)
				}
			}
			callers := callFrom(betweenFleetCalls, f.edges...)
			defer callers.stop()
			first := f.others(leader)[0]
			first.start()
			began := time.Now()
			f.awaitEach(callers, 1, f.edges...)
			well := time.Since(began)
			for _, m := range f.others(first) {
				m.start()
			}
			f.agree()
			return well
		}},
		{name: "64 edges after an outage", brief: true, once: true, logins: 1, fails: true, act: func(f *companyLab, _ *companyMachine, _ bool) time.Duration {
			var many []*companyMachine
			for i := range 64 {
				many = append(many, f.newEdge(f.edges[i%2].host, i))
			}
			defer func() {
				for _, m := range many {
					m.kill()
				}
			}()
			f.killMembers()
			for _, m := range many {
				m.start()
			}
			callers := callFrom(time.Second, many...)
			defer callers.stop()
			for _, m := range f.members {
				m.start()
			}
			began := time.Now()
			f.awaitEach(callers, 1, many...)
			return time.Since(began)
		}},
	}
}

func (f *companyLab) killMembers() {
	f.t.Helper()
	for _, m := range f.members {
		m.kill()
	}
}

// certificateUpsets are certificates of a machine that are not what others want of them. All others go on.
func certificateUpsets() []upset {
	return []upset{
		{name: "an edge with certificates that are not right, and one that is renewed", brief: true, once: true, gap: gapNone, act: func(f *companyLab, _ *companyMachine, _ bool) time.Duration {
			edge := f.newEdge(f.edges[0].host, 0)
			foreign, err := mutualtlstest.NewCA("Foreign CA")
			edge.check(err)
			for _, wrong := range []struct {
				ca          *mutualtlstest.CA
				certificate mutualtlstest.Certificate
				says        string
			}{
				{f.ca, mutualtlstest.Certificate{Names: []string{"spiffe://corp/etl/stranger"}}, "spiffe://corp/etl/stranger"},
				{f.ca, mutualtlstest.Certificate{Names: []string{labEdge}, From: -2 * time.Hour, Until: -time.Hour}, "the certificate has ended at"},
				{foreign, mutualtlstest.Certificate{Names: []string{labEdge}, Trust: f.ca}, "no CA of its ca.crt vouches for that"},
			} {
				edge.check(wrong.ca.Issue(edge.path("tls"), wrong.certificate))
				edge.start()
				if err := edge.asks(); err == nil || !strings.Contains(err.Error(), wrong.says) {
					f.t.Errorf("with %v: %v", wrong.certificate.Names, err)
				}
				f.certify(edge, labEdge) // it is renewed, and the agent not started again
				f.await("calls with the renewed certificate", func() bool { return edge.asks() == nil })
				edge.stop()
			}
			return 0
		}},
		{name: "a member that is not trusted", brief: true, once: true, gap: gapNone, logins: 1, hits: aFollower, act: func(f *companyLab, leader *companyMachine, _ bool) time.Duration {
			one := f.others(leader)[0]
			one.stop()
			f.certify(one, "spiffe://corp/etl/stranger")
			one.start()
			seen := func(from, of *companyMachine) (problem string) {
				for _, told := range from.fleet().Members {
					if told.Address == of.known {
						problem = told.Unreachable
					}
				}
				return problem
			}
			f.await("the leader does not trust it", func() bool { return strings.Contains(seen(leader, one), "spiffe://corp/etl/stranger") })
			f.await("it is not told anything", func() bool { return strings.Contains(seen(one, leader), "only a member of this agent's fleet") })
			one.stop()
			f.certify(one, memberName)
			one.start()
			f.agree()
			return 0
		}},
	}
}
