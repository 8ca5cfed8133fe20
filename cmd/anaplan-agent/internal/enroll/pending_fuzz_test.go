//go:build unix

package enroll

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzPending: an enrolment that is read can be shown, found, and written as it was.
func FuzzPending(f *testing.F) {
	for _, seed := range []string{
		`{"key":"pkcs11:token=demo;object=login?module-name=softhsm2","email":"ana@example.com","step":"request","time":"2026-01-02T03:04:05Z","request":"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"}`,
		`{"key":"piv:slot=9c;serial=1","email":"","step":"stored","upload":"a.pem","management_key":"file:k"}`,
		`{"key":"piv:","step":"key"}`, `{"key":"piv:","step":"new"}`, `{"key":"","step":"key"}`, "null", "[]", "{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := parsePending(data)
		if p == nil {
			return
		}
		if !isSame(p.Address(), p.Address()) || !MayMean(p.Address(), p.Address()) || !p.isOf(p.Address(), p.Public()) {
			t.Errorf("%s is not found by its own address", data)
		}
		if p.Waits() == "" {
			t.Error("it does not say what it waits for")
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, parsePending(text)); diff != "" {
			t.Errorf("it has become another (-want +got):\n%s", diff)
		}
	})
}
