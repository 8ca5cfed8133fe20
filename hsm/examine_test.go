//go:build cgo && unix

package hsm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// TestExamine: the module's name and a token's mechanisms are told, while the module is open for
// something else.
func TestExamine(t *testing.T) {
	token := newLogin(t).Behind(t, hsmtest.BuildShim(t), "newslot=1")
	var closings []func()
	options := hsm.Options{Closing: func(_ string, close func()) { closings = append(closings, close) }}
	tokens, err := hsm.List(t.Context(), token.Address(t), options)
	if err != nil || len(tokens) != 1 {
		t.Fatalf("%v, %v", tokens, err)
	}
	told, err := hsm.Examine(t.Context(), token.Address(t), options, tokens[0].Slot)
	if err != nil || !strings.Contains(told.Library, "SoftHSM") || !slices.Contains(told.Mechanisms[tokens[0].Slot], pkcs11.CKM_RSA_PKCS) {
		t.Errorf("%+v, %v", told, err)
	}
	if len(closings) != 2 {
		t.Errorf("%d modules to close, want 2", len(closings))
	}
	for _, close := range closings {
		close()
	}
}

// TestListHidden: what a token says of itself does not make its keys visible.
func TestListHidden(t *testing.T) {
	library, plain := hsmtest.BuildShim(t), newLogin(t)
	for orders, want := range map[string]struct{ noPIN, optional bool }{
		"":                              {false, false},
		"clearflags=0x4":                {false, true},
		"clearflags=0x4;claimsloggedin": {false, true},
		"claimsloggedin":                {false, false},
		"clearflags=0xC":                {true, true},
	} {
		t.Run(orders, func(t *testing.T) {
			token := plain.Behind(t, library, orders)
			for _, ask := range []hsm.Options{{}, {PIN: (&pins{pin: token.PIN}).ask, LogIn: true}} {
				tokens, err := hsm.List(t.Context(), token.Address(t), ask)
				if err != nil || len(tokens) != 1 || tokens[0].Err != nil {
					t.Fatalf("%+v, %v", tokens, err)
				}
				got := tokens[0]
				if got.LoggedIn != (ask.PIN != nil) || got.NoPIN != want.noPIN || got.PINOptional != want.optional {
					t.Errorf("logged in %v, no PIN %v, optional %v; want %v, %+v", got.LoggedIn, got.NoPIN, got.PINOptional, ask.PIN != nil, want)
				}
			}
		})
	}
}
