package kubernetes_test

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/lease/kubernetes"
)

// FuzzAnswer: whatever answers, what is taken for a Lease can be replaced and has times that make sense.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"kind":"Lease","metadata":{"resourceVersion":"1"},"spec":{"holderIdentity":"a","leaseTransitions":-1,"leaseDurationSeconds":10,"acquireTime":"2026-01-02T03:04:05.000006Z"}}`))
	f.Add([]byte(`{"kind":"Lease","metadata":{"resourceVersion":"1","annotations":null},"spec":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := kubernetes.Stored(body)
		if err == nil && (got.Version == "" || got.Epoch >= 1<<63 || got.Duration < 0) {
			t.Errorf("%s: %+v", body, got)
		}
	})
}
