//go:build cgo

package hsm_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// calledFunction finds the calls in a log of pkcs11-spy.
var calledFunction = regexp.MustCompile(`(?m)^\d+: (C_\w+)`)

// spy puts OpenSC's pkcs11-spy in front of the token; counts returns the calls so
// far.
func spy(t *testing.T, token *hsmtest.Token) (spied *hsmtest.Token, counts func() map[string]int) {
	t.Helper()
	library := hsmtest.Spy(t)
	log := filepath.Join(t.TempDir(), "spy.log")
	t.Setenv("PKCS11SPY", token.Module)
	t.Setenv("PKCS11SPY_OUTPUT", log)
	return token.Through(library), func() map[string]int {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for _, match := range calledFunction.FindAllSubmatch(text, -1) {
			counts[string(match[1])]++
			counts["all"]++
		}
		return counts
	}
}

// TestEconomy holds the number of calls that one signature takes: each is a round
// trip where the token is on the network.
func TestEconomy(t *testing.T) {
	const most = 30
	a := hsmtest.RSAKey(t, "a")
	certificate := hsmtest.Certify(t, a)
	for name, others := range map[string]int{"one key": 0, "1000 keys": 1000} {
		t.Run(name, func(t *testing.T) {
			token := hsmtest.NewToken(t)
			if others > 0 {
				token.Put(t, hsmtest.Named("other", 1).Private(hsmtest.RSAKey(t, "b")))
				token.Multiply(t, others)
			}
			token.Put(t, hsmtest.Named("login", 7).Pair(a, certificate)...)
			spied, counts := spy(t, token)
			pin := &pins{pin: token.PIN}
			mustSign(t, spied.Address(t, ";object=login"), hsm.Options{PIN: pin.ask}, &a.PublicKey).Close()
			got := counts()
			if got["C_Login"] != 1 || got["C_SignInit"] != 1 || got["all"] > most || len(pin.requests) != 1 {
				t.Errorf("%d calls of C_Login, %d of C_SignInit, %d in all, %d questions for the PIN: %v",
					got["C_Login"], got["C_SignInit"], got["all"], len(pin.requests), got)
			}
		})
	}
}
