package main

import (
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// Every fault that the help names can be had, and no other is named.
func TestHelpNamesFaults(t *testing.T) {
	service := anaplantest.New(nil)
	_, err := faultOrder{Fault: "no such"}.make(service)
	if err == nil {
		t.Fatal("an unknown fault was made")
	}
	_, list, _ := strings.Cut(err.Error(), "it is one of ")
	for name := range strings.SplitSeq(list, ", ") {
		if !strings.Contains(helpText(), " "+name+" ") && !strings.Contains(helpText(), " "+name+",") {
			t.Errorf("the help does not name %s", name)
		}
	}
}

// An order that is taken has a path and a number of times; no order makes the
// parser or the faults' makers fall over.
func FuzzFault(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", `{"path":"/","fault":"blocked"}`,
		`{"path":"/x","fault":"status","argument":"500","times":3}`,
		`{"path":"POST /x","fault":"cut-after"}`,
		`{"path":"/x","fault":"endless","argument":"9223372036854775808"}`,
		`{"path":"/","fault":"too-many-requests","argument":"Wed, 21 Oct 2026 07:28:00 GMT"}`,
	} {
		f.Add([]byte(seed))
	}
	service := anaplantest.New(nil)
	f.Fuzz(func(t *testing.T, text []byte) {
		order, err := parseFault(text)
		if err != nil {
			return
		}
		if !strings.Contains(order.Path, "/") || order.Times < 0 {
			t.Errorf("order %+v was taken", order)
		}
		if fault, err := order.make(service); (fault == nil) == (err == nil) {
			t.Errorf("order %+v gave a fault: %v, and the error %v", order, fault != nil, err)
		}
	})
}

// An order that is taken is an outcome; no order makes the parser fall over.
func FuzzOutcome(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", `{"id":"118000000006","outcome":"success"}`,
		`{"id":"x","outcome":"failure","details":[{"type":"a","localMessageText":"b","occurrences":2,"values":["c",null]}],"dump":"","polls":3,"times":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		order, err := parseOutcome(text)
		if err != nil {
			return
		}
		outcome, err := order.make()
		if err == nil && (outcome.Dump == nil) != (order.Dump == nil) {
			t.Errorf("order %+v gave %+v", order, outcome)
		}
	})
}

// An order that is taken is a state; no order makes the parser fall over.
func FuzzModel(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", `{"model":"Plan","answer":"wait","for":"5s"}`, `{"model":"Plan","answer":"wait"}`,
		`{"model":"Plan","answer":"410","requests":2}`, `{"model":"Plan","answer":"ever"}`, `{"model":"x","answer":"200"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		order, err := parseModel(text)
		if err != nil {
			return
		}
		state, err := order.make()
		if err == nil && (state == nil) != (order.Answer == "ever") {
			t.Errorf("order %+v gave %+v", order, state)
		}
	})
}
