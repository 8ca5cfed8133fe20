package hardware_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

func TestAmbiguousErrorText(t *testing.T) {
	err := &hardware.AmbiguousError{
		What:       "cards",
		Candidates: []string{"piv:serial=1;slot=9c", "piv:serial=2;slot=9c"},
		Notes:      []string{"the left reader"},
	}
	want := "the address fits 2 cards:\n  piv:serial=1;slot=9c (the left reader)\n  piv:serial=2;slot=9c"
	if got := err.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAmbiguousErrorIsShort(t *testing.T) {
	err := &hardware.AmbiguousError{What: "keys", Notes: []string{"no certificate"}}
	for i := range 1000 {
		err.Candidates = append(err.Candidates, fmt.Sprintf("pkcs11:object=%d", i))
	}
	text := err.Error()
	for _, want := range []string{"fits 1000 keys", "pkcs11:object=0 (no certificate)", "pkcs11:object=19", "and 980 more"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q does not say %q", text, want)
		}
	}
	if strings.Contains(text, "object=20") {
		t.Error("it shows more than a person reads")
	}
}
