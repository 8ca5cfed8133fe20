//go:build cgo && linux

package hsm_test

import (
	"crypto/rsa"
	"errors"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// conform is what every module must do: make a key, ask for its certificate and
// store it, list it, and sign with it; refuse a wrong PIN; say what is not there.
func conform(t *testing.T, token *hsmtest.Token) {
	t.Helper()
	pin := &pins{pin: token.PIN}
	options := hsm.Options{PIN: pin.ask}
	address, certificate := enroll(t, token.Address(t, ";object=login"), options)
	public := certificate.PublicKey.(*rsa.PublicKey)

	if key := mustSign(t, token.Address(t), options, public); !key.Certificate().Equal(certificate) {
		t.Error("it signs with another certificate")
	} else if err := key.Close(); err != nil {
		t.Error(err)
	}
	mustSign(t, address, options, public).Close()

	tokens, err := hsm.List(t.Context(), token.Address(t), options)
	if err != nil || len(tokens) != 1 || len(tokens[0].Keys) != 1 || tokens[0].Err != nil {
		t.Fatalf("List = %+v, %v", tokens, err)
	}
	if k := tokens[0].Keys[0]; k.Address.String() != address.String() || k.Problem != nil || k.Type != "RSA 2048" || !k.NeverExtractable {
		t.Errorf("listed as %+v", k)
	}
	stored, err := hsm.StoreCertificate(t.Context(), address, certificate, options)
	if err != nil || stored {
		t.Errorf("the certificate is stored twice: %v, %v", stored, err)
	}
	_, err = hsm.Generate(t.Context(), token.Address(t, ";object=login"), hsm.KeySpec{Bits: 2048}, options)
	wantError(t, "a second key of the name", err, hardware.ErrKeyExists, "object=login")
	_, err = hsm.Open(t.Context(), token.Address(t, ";object=other"), options)
	wantError(t, "another name", err, hardware.ErrNoKey, "object=login")
	_, err = hsm.Open(t.Context(), token.Address(t), hsm.Options{PIN: (&pins{pin: "00000000"}).ask})
	wantError(t, "wrong PIN", err, nil, "the PIN is wrong (CKR_PIN_INCORRECT)")
	mustSign(t, address, options, public).Close()
}

func TestSoftHSM(t *testing.T) { conform(t, hsmtest.NewToken(t)) }

func TestP11Kit(t *testing.T) { conform(t, hsmtest.NewToken(t).P11Kit(t, "")) }

// TestP11KitReadOnly signs on a token that lets nobody write.
func TestP11KitReadOnly(t *testing.T) {
	token := newLogin(t).P11Kit(t, "?write-protected=yes")
	options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
	mustSign(t, token.Address(t), options, &hsmtest.RSAKey(t, "a").PublicKey).Close()
	_, err := hsm.Generate(t.Context(), token.Address(t, ";object=new"), hsm.KeySpec{Bits: 2048}, options)
	wantError(t, "Generate", err, nil, "write-protected")
}

func TestP11KitWithoutServer(t *testing.T) {
	token := newLogin(t).P11Kit(t, "")
	t.Setenv("P11_KIT_SERVER_ADDRESS", "unix:path="+t.TempDir()+"/nothing")
	_, err := hsm.Open(t.Context(), token.Address(t), hsm.Options{})
	wantError(t, "Open", err, nil, "P11_KIT_SERVER_ADDRESS")
	if !hsm.Transient(err) {
		t.Errorf("%v is not taken for something that passes", err)
	}
}

func TestTPM(t *testing.T) { conform(t, hsmtest.NewTPMToken(t)) }

func TestOpenCryptoki(t *testing.T) {
	if hsmtest.InNamespace(t, "opencryptoki") {
		conform(t, hsmtest.NewOpenCryptokiToken(t))
	}
}

func TestOpenCryptokiWithoutDaemon(t *testing.T) {
	if !hsmtest.InNamespace(t, "opencryptoki") {
		return
	}
	_, err := hsm.Open(t.Context(), uri.URI{}.With("module-path", hsmtest.OpenCryptoki(t)), hsm.Options{})
	wantError(t, "Open", err, hsm.ErrModule, "pkcsslotd")
	if !hsm.Transient(err) {
		t.Errorf("%v is not taken for something that passes", err)
	}
}

// TestOpenCryptokiLocks sends wrong PINs until the token is locked, which it
// announces.
func TestOpenCryptokiLocks(t *testing.T) {
	if !hsmtest.InNamespace(t, "opencryptoki") {
		return
	}
	token := hsmtest.NewOpenCryptokiToken(t)
	pin := &pins{pin: "00000000"}
	for _, want := range []hardware.PINState{hardware.PINLow, hardware.PINFinalTry, hardware.PINLocked, hardware.PINLocked} {
		_, err := hsm.Open(t.Context(), token.Address(t), hsm.Options{PIN: pin.ask})
		wantRefused(t, err, &hardware.PINError{Counter: hardware.FlagCounter(want), Locked: want == hardware.PINLocked})
	}
	if len(pin.requests) != 3 || pin.requests[2].Counter.State != hardware.PINFinalTry {
		t.Errorf("asked %+v; the last question must say that it is the last", pin.requests)
	}
}

// TestTPMLocksItself sends wrong PINs until the TPM takes none any more.
func TestTPMLocksItself(t *testing.T) {
	token := hsmtest.NewTPMToken(t)
	for range 50 {
		_, err := hsm.Open(t.Context(), token.Address(t), hsm.Options{PIN: (&pins{pin: "00000000"}).ask})
		refused, ok := errors.AsType[*hardware.PINError](err)
		if !ok {
			t.Fatalf("error %v, want a PINError", err)
		}
		if refused.Locked {
			wantError(t, "locked", err, nil, "power cuts")
			return
		}
	}
	t.Error("the TPM takes any number of wrong PINs")
}

// TestNSS opens Firefox's softoken, which wants its directory told at the start.
func TestNSS(t *testing.T) {
	bare := "pkcs11:?module-path=" + hsmtest.NSS(t)
	_, err := hsm.List(t.Context(), mustParse(t, bare), hsm.Options{})
	wantError(t, "without a directory", err, hsm.ErrModule, "x-init-reserved=")

	tokens, err := hsm.List(t.Context(), mustParse(t, bare+"&x-init-reserved=configdir='sql:"+t.TempDir()+"'"), hsm.Options{})
	if err != nil || len(tokens) == 0 {
		t.Fatalf("%d tokens, %v", len(tokens), err)
	}
	for _, token := range tokens {
		again, err := hsm.List(t.Context(), token.Address, hsm.Options{})
		if err != nil || len(again) != 1 || again[0].Slot != token.Slot {
			t.Errorf("%s leads to %+v, %v", token.Address, again, err)
		}
	}
}
