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
		if !strings.HasPrefix(order.Path, "/") || order.Times < 0 {
			t.Errorf("order %+v was taken", order)
		}
		if fault, err := order.make(service); (fault == nil) == (err == nil) {
			t.Errorf("order %+v gave a fault: %v, and the error %v", order, fault != nil, err)
		}
	})
}
