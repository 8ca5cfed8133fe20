package metrics

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// maxCalls bounds the profiles, clients and statuses whose calls are counted one by one. A
// client can be any user of the machine.
const maxCalls = 2000

// Call is a call of Anaplan's API that the agent has forwarded.
type Call struct {
	Profile, Client string
	Status          int   // of the answer; 0: there was none
	Sent, Received  int64 // bytes
	Took            time.Duration
}

// Allowance is what a tenant may call now, and what waits for that (package fair).
type Allowance struct {
	Left                  float64
	Waiting               int
	HeldFor               time.Duration
	Waited, Refused, Held uint64
}

// calls counts forwarded calls.
type calls struct {
	total, sent, received, refused *family
	seconds                        *family

	table     *bounded[callKey, *callSeries]
	refusedBy *bounded[refusedKey, *counter]
}

// refusedKey is whose calls were refused by policies.
type refusedKey struct{ profile, client string }

type callKey struct {
	profile, client string
	status          int
}

type callSeries struct {
	total, sent, received *counter
	seconds               *histogram
}

func newCalls() *calls {
	c := &calls{
		total:    newFamily(prefix+"calls_total", "counter", "Calls of Anaplan's API that were forwarded; status 0 had no answer."),
		sent:     newFamily(prefix+"call_sent_bytes_total", "counter", "Bytes of the bodies that were sent to Anaplan."),
		received: newFamily(prefix+"call_received_bytes_total", "counter", "Bytes of the bodies that Anaplan answered."),
		refused:  newFamily(prefix+"calls_refused_total", "counter", "Calls of Anaplan's API that a policy has refused."),
		seconds:  newFamily(prefix+"call_seconds", "histogram", "How long forwarded calls took, waiting for the tenant's allowance included."),
	}
	c.table = newBounded(maxCalls, func(callKey) callKey { return callKey{otherRoute, otherRoute, 0} }, c.series)
	c.refusedBy = newBounded(maxCalls, func(refusedKey) refusedKey { return refusedKey{otherRoute, otherRoute} }, func(key refusedKey) *counter {
		return c.refused.counter(labels("profile", key.profile, "client", key.client))
	})
	return c
}

func (c *calls) add(call Call) {
	series := c.table.of(callKey{call.Profile, call.Client, call.Status})
	series.total.Inc()
	series.sent.Add(call.Sent)
	series.received.Add(call.Received)
	series.seconds.Update(call.Took.Seconds())
}

// refuse counts a call that a policy has refused.
func (c *calls) refuse(profile, client string) {
	c.refusedBy.of(refusedKey{profile, client}).Inc()
}

// series starts to count the calls of a key.
func (c *calls) series(key callKey) *callSeries {
	who := labels("profile", key.profile, "client", key.client)
	return &callSeries{
		total:    c.total.counter(labels("profile", key.profile, "client", key.client, "status", strconv.Itoa(key.status))),
		sent:     c.sent.counter(who),
		received: c.received.counter(who),
		seconds:  c.seconds.histogram(labels("profile", key.profile), workBounds),
	}
}

func (c *calls) write(out *page) {
	c.total.write(out)
	c.sent.write(out)
	c.received.write(out)
	c.refused.write(out)
	c.seconds.write(out)
}

// allowanceMetrics are what is told of each tenant's allowance.
var allowanceMetrics = []struct {
	name, kind, help string
	value            func(Allowance) any
}{
	{"allowance_left", "gauge", "Calls that the tenant could make at once.", func(a Allowance) any { return a.Left }},
	{"allowance_waiting", "gauge", "Calls that wait for the tenant's allowance.", func(a Allowance) any { return a.Waiting }},
	{"allowance_held_seconds", "gauge", "For how long nothing is sent, because Anaplan asked for that (429).", func(a Allowance) any { return a.HeldFor.Seconds() }},
	{"allowance_waited_total", "counter", "Calls that had to wait for the tenant's allowance.", func(a Allowance) any { return a.Waited }},
	{"allowance_refused_total", "counter", "Calls that would have had to wait for too long.", func(a Allowance) any { return a.Refused }},
	{"allowance_holds_total", "counter", "How often Anaplan asked to be left alone (429).", func(a Allowance) any { return a.Held }},
}

func writeAllowances(out *page, allowances map[string]Allowance) {
	if len(allowances) == 0 {
		return
	}
	tenants := slices.Sorted(maps.Keys(allowances))
	for _, metric := range allowanceMetrics {
		out.head(prefix+metric.name, metric.kind, metric.help)
		for _, tenant := range tenants {
			fmt.Fprintf(out, "%s%s%s %v\n", prefix, metric.name, labels("tenant", tenant), metric.value(allowances[tenant]))
		}
	}
}
