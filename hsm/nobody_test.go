//go:build cgo && unix

package hsm_test

import (
	"errors"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// TestSuccessThatIsNone has a module say that it took a PIN which it refused. The session says
// that nobody is logged in; whether the PIN was counted the token tells, or it does not.
func TestSuccessThatIsNone(t *testing.T) {
	token := newLogin(t)
	library := hsmtest.BuildShim(t)
	const low = "clearflags=0x10000" // CKF_USER_PIN_COUNT_LOW
	for name, c := range map[string]struct {
		orders []string
		told   bool
	}{
		"the token tells":         {[]string{"C_Login=after:0"}, true},
		"the token does not tell": {[]string{"C_Login=after:0", low}, false},
	} {
		t.Run(name, func(t *testing.T) {
			mustSign(t, token.Address(t), hsm.Options{PIN: (&pins{pin: token.PIN}).ask}, &hsmtest.RSAKey(t, "a").PublicKey).Close() // which clears the flag
			shim := token.Behind(t, library, c.orders...)
			_, err := hsm.Open(t.Context(), shim.Address(t), hsm.Options{PIN: (&pins{pin: "wrong"}).ask})
			wantError(t, "Open", err, nil, "nobody is logged in")
			_, refused := errors.AsType[*hardware.PINError](err)
			_, unclear := errors.AsType[*hardware.PINUnclearError](err)
			if refused != c.told || unclear == c.told {
				t.Errorf("got %v, want a refusal: %v", err, c.told)
			}
		})
	}
	// A right PIN is taken, also by a module that keeps no account of who has logged in.
	for _, order := range []string{"C_Login=after:0", "claimspublic"} {
		shim := token.Behind(t, library, order)
		mustSign(t, shim.Address(t), hsm.Options{PIN: (&pins{pin: token.PIN}).ask}, &hsmtest.RSAKey(t, "a").PublicKey).Close()
	}
}
