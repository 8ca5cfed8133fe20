package main

import (
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/google/go-cmp/cmp"
)

// failoverAt returns a failover, and what moves its clock.
func failoverAt(keys int) (*failover, func(time.Duration)) {
	f, now := newFailover(keys), time.Now()
	f.now = func() time.Time { return now }
	return f, func(d time.Duration) { now = now.Add(d) }
}

func TestFailoverSticks(t *testing.T) {
	f, pass := failoverAt(3)
	want := func(when string, want []int, inUse string) {
		t.Helper()
		if diff := cmp.Diff(want, f.order()); diff != "" || f.String() != inUse {
			t.Errorf("%s: %q, order (-want +got):\n%s", when, f, diff)
		}
	}
	want("at first", []int{0, 1, 2}, "")
	f.signed(0, 0)
	want("the first signs", []int{0, 1, 2}, "key 1 of 3")
	f.signed(0, 1)
	want("the second stands in", []int{1, 0, 2}, "key 2 of 3")
	pass(6 * time.Minute)
	f.signed(1, 1)
	want("it signs again, which is no reason to ask it for longer", []int{1, 0, 2}, "key 2 of 3")
	f.signed(1, 2)
	want("it fails too", []int{2, 0, 1}, "key 3 of 3")
	pass(6 * time.Minute)
	want("then", []int{2, 0, 1}, "key 3 of 3")
	pass(4 * time.Minute)
	want("ten minutes later", []int{0, 1, 2}, "key 3 of 3")
	f.signed(0, 2)
	want("the first is still away", []int{2, 0, 1}, "key 3 of 3")
	f.signed(2, 0)
	want("the last is away, the first is back", []int{0, 1, 2}, "key 1 of 3")
	pass(time.Hour)
	if before := f.signed(0, 0); before != 0 {
		t.Errorf("before it was key %d", before)
	}
}

func TestFailoverOfOneKey(t *testing.T) {
	f, _ := failoverAt(1)
	f.signed(0, 0)
	if diff := cmp.Diff([]int{0}, f.order()); diff != "" || f.String() != "" || f.inUse() != 1 {
		t.Errorf("%q, %d, order (-want +got):\n%s", f, f.inUse(), diff)
	}
}

// Only what may be different at another device makes it be asked.
func TestMayBeAnother(t *testing.T) {
	for code, want := range map[agent.Code]bool{
		agent.CodeDeviceAbsent: true, agent.CodeDeviceFailed: true, agent.CodeSignerFailed: true,
		agent.CodePINNeeded: false, agent.CodePINRefused: false, agent.CodeTouchNeeded: false, agent.CodeKeyUnusable: false,
		agent.CodeSettings: false, agent.CodeStopping: false, agent.CodeLocked: false, agent.CodeInternal: false,
	} {
		if got := mayBeAnother(agent.Problemf(code, "no")); got != want {
			t.Errorf("%s: %v", code, got)
		}
	}
}

// A typed PIN is for one device: that another is away does not take it back.
func TestPINOfSeveralKeys(t *testing.T) {
	absent := agent.Problemf(agent.CodeDeviceAbsent, "no such card")
	needed := func(device string) *agent.Problem {
		return &agent.Problem{Code: agent.CodePINNeeded, PIN: &agent.PINPrompt{Device: device}}
	}
	type step struct {
		key     int
		problem *agent.Problem
	}
	for name, test := range map[string]struct {
		wanted []step // before it is typed
		then   []step // in the login for which it was typed
		kept   bool
	}{
		"for the second, the first is away":      {[]step{{0, absent}, {1, needed("b")}}, []step{{0, absent}, {1, nil}}, true},
		"for the second, both are away":          {[]step{{0, absent}, {1, needed("b")}}, []step{{0, absent}, {1, absent}}, false},
		"for the first, which is away":           {[]step{{0, needed("a")}}, []step{{0, absent}, {1, nil}}, false},
		"for both, on one device, which is away": {[]step{{0, needed("a")}, {1, needed("a")}}, []step{{0, absent}}, false},
		"for the second, and refused":            {[]step{{1, needed("b")}}, []step{{1, agent.Problemf(agent.CodePINRefused, "no")}}, false},
		"before any was wanted, the first away":  {nil, []step{{0, absent}, {1, nil}}, true},
		"before any was wanted, both away":       {nil, []step{{0, absent}, {1, absent}}, false},
		"the first is in trouble":                {[]step{{0, needed("a")}}, []step{{0, agent.Problemf(agent.CodeDeviceFailed, "no")}, {1, nil}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			profile := &config.Profile{Keys: make([]config.Address, 2)}
			p := &served{profile: profile, keys: servedKeys(profile)}
			settle := func(steps []step) {
				given := p.pin.get()
				for _, s := range steps {
					p.settle(p.keys[s.key], given, s.problem, s.key == 1)
				}
			}
			settle(test.wanted)
			p.pin.set([]byte("1234"))
			defer p.pin.close()
			settle(test.then)
			if got := p.pin.get(); (got.pin != nil) != test.kept {
				t.Errorf("it is kept: %v", got.pin != nil)
			}
		})
	}
}
