package server_test

import (
	"net/http"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

func TestTraceOf(t *testing.T) {
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, test := range []struct {
		want   string
		values []string
	}{
		{trace, []string{"00-" + trace + "-" + span + "-01"}},
		{trace, []string{"cc-" + trace + "-" + span + "-01-what-comes-later"}},
		{"", nil},
		{"", []string{"00-" + trace + "-" + span + "-01", "00-" + trace + "-" + span + "-01"}},
		{"", []string{"00-" + trace + "-" + span + "-01-more"}},
		{"", []string{"ff-" + trace + "-" + span + "-01"}},
		{"", []string{"00-" + trace + "-" + span}},
		{"", []string{"00-00000000000000000000000000000000-" + span + "-01"}},
		{"", []string{"00-" + trace + "-0000000000000000-01"}},
		{"", []string{"00-" + trace[1:] + "-" + span + "-01"}},
		{"", []string{"00-4BF92F3577B34DA6A3CE929D0E0E4736-" + span + "-01"}},
		{"", []string{`00-"f92f3577b34da6a3ce929d0e0e4736"-` + span + "-01"}},
		{"", []string{""}},
		{"", []string{"---"}},
	} {
		if got := server.TraceOf(http.Header{"Traceparent": test.values}); got != test.want {
			t.Errorf("%q: %q", test.values, got)
		}
	}
}
