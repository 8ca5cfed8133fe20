package piv_test

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/piv"
)

func TestPINErrorText(t *testing.T) {
	for want, err := range map[string]*piv.PINError{
		"YubiKey 1 refused the PIN: it is wrong (63C2); 2 tries are left": {Card: "YubiKey 1", Reason: "it is wrong (63C2)", Tries: 2},
		"YubiKey 1 refused the PIN: it is wrong (63C1); one try is left":  {Card: "YubiKey 1", Reason: "it is wrong (63C1)", Tries: 1},
		"YubiKey 1 refused the PIN: of four digits (6A80)":                {Card: "YubiKey 1", Reason: "of four digits (6A80)", Tries: -1},
		"the PIN of YubiKey 1 is blocked: x (6983)":                       {Card: "YubiKey 1", Reason: "x (6983)", Blocked: true},
		"the PIN of YubiKey 1 is blocked, and so is its PUK: x (6983)":    {Card: "YubiKey 1", Reason: "x (6983)", Blocked: true, PUKBlocked: true},
	} {
		if got := err.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
