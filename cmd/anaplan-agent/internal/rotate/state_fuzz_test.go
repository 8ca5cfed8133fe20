//go:build unix

package rotate

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzRotation: a rotation that is read is at a step that there is, names keys, and is written as it was.
func FuzzRotation(f *testing.F) {
	for _, seed := range []string{
		`{"profile":"default","config":"/c","step":"requested","time":"2026-01-02T03:04:05Z","old":"piv:slot=9c","old_public":"00","new":"piv:slot=82","email":"ana@example.com"}`,
		`{"step":"switched","old":"pkcs11:object=login?module-name=softhsm2","new":"pkcs11:object=login-2?module-name=softhsm2"}`,
		`{"step":"gone"}`, `{"step":"making","old":"x","new":"y"}`, "null", "[]", "{", "{}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n := new(rotation)
		if n.parse(data) != nil {
			return
		}
		if strings.Contains(n.Text(), "no rotation is under way") || mustAddress(n.Old) == nil || mustAddress(n.New) == nil {
			t.Errorf("%s is taken for a rotation", data)
		}
		text, err := json.Marshal(n)
		again := new(rotation)
		if err == nil {
			err = again.parse(text)
		}
		if err != nil || *again != *n && !again.Time.Equal(n.Time) {
			t.Errorf("%+v has become %+v, %v", n, again, err)
		}
	})
}
