//go:build cgo && linux

package hsm_test

import (
	"context"
	"crypto/rsa"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// TestEnrollOnOddModules: what crypto11 cannot have done is done without it, and no PIN is sent for it.
func TestEnrollOnOddModules(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, c := range map[string]struct {
		order  string
		logins int // for the key, its request, and its certificate
	}{
		"as usual":                           {"", 5}, // crypto11 logs in again for the key and for the certificate
		"no threads":                         {"nooslocking", 3},
		"threads of its own":                 {"nooslocking=0x9", 3},
		"no arguments":                       {"nullonly", 3},
		"a token comes":                      {"newslot=1", 3},
		"tokens seen when asked for all":     {"lateslots", 3},
		"a slot that does not answer":        {"badslot", 3},
		"one read/write session":             {"maxrw=1", 3},
		"wants no login, it says":            {"clearflags=0x4", 5},
		"not initialised, it says":           {"clearflags=0x400", 5},
		"knows of neither, nor of a PIN":     {"clearflags=0x40C", 5},
		"somebody is logged in, the session": {"claimsloggedin", 5},
		"somebody is logged in, the login":   {"alreadyloggedin", 5},
		"no raw signature":                   {"norawsign=0x20", 5},
		"no raw signature, by length":        {"norawsign=0x21", 5},
		"no raw signature at all":            {"norawsign=0x54", 5},
		"no raw signature of this type":      {"nomechanism=1;nomechanismrv=0x63", 5},
		"the length ends a signature":        {"lengthends", 5},
		"one attribute at a time":            {"oneattribute", 5},
	} {
		t.Run(name, func(t *testing.T) {
			token := hsmtest.NewToken(t)
			shim := token.Behind(t, library, c.order)
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask, LogIn: true}
			_, certificate := enroll(t, shim.Address(t, ";object=new"), options)
			if n := shim.Calls(t, "C_Login"); n != c.logins {
				t.Errorf("%d logins, want %d", n, c.logins)
			}
			if n := shim.RefusedLogins(t); n != 0 {
				t.Errorf("%d PINs were refused", n)
			}
			mustSign(t, shim.Address(t), options, certificate.PublicKey.(*rsa.PublicKey)).Close()
			if _, err := hsm.Import(t.Context(), shim.Address(t, ";object=imported"), hsmtest.RSAKey(t, "a"), options); err != nil {
				t.Errorf("Import: %v", err)
			}
			wantObjects(t, token, [4]int{2, 2, 1, 0})
		})
	}
}

// TestLoginThatNobodyNamed: a token that hides its keys, and does not say that it wants a login, is
// logged in to.
func TestLoginThatNobodyNamed(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, order := range map[string]string{
		"wants none, it says":   "clearflags=0x4",
		"somebody is, it says":  "claimsloggedin",
		"not initialised, too":  "clearflags=0x404",
		"somebody is, it finds": "alreadyloggedin",
	} {
		t.Run(name, func(t *testing.T) {
			token := newLogin(t).Behind(t, library, order)
			pin := &pins{pin: token.PIN}
			if err := openAndSign(t.Context(), token, t, hsm.Options{PIN: pin.ask}); err != nil {
				t.Error(err)
			}
			if n := token.Calls(t, "C_Login"); n != 1 || len(pin.requests) != 1 {
				t.Errorf("%d logins, %d questions", n, len(pin.requests))
			}
		})
	}
	// Where there is no PIN it is taken at its word.
	token := newLogin(t).Behind(t, library, "clearflags=0x4")
	none := func(context.Context, hardware.PINRequest) (hardware.PIN, error) {
		return hardware.PIN{}, hardware.ErrPINNeeded
	}
	_, err := hsm.Open(t.Context(), token.Address(t), hsm.Options{PIN: none})
	wantError(t, "no PIN", err, hardware.ErrNoKey, "")
}

// TestRefusedAttribute: the attribute that a token does not take is found out, by either author, and
// nothing is left of that.
func TestRefusedAttribute(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, c := range map[string]struct{ orders, says string }{
		"by crypto11":   {"nogenerate=0x162", "it refuses CKA_EXTRACTABLE false"},
		"in a session":  {"nogenerate=0x107;nullonly", "it refuses CKA_UNWRAP false"},
		"not found out": {"C_GenerateKeyPair=0x13", "what was asked of it: CKA_EXTRACTABLE false, CKA_SENSITIVE true, "},
		"but once":      {"C_GenerateKeyPair@1=0x13", "what was asked of it: "},
		"a label":       {"nogenerate=0x3", `it refuses CKA_LABEL "new"`},
		"an id":         {"nogenerate=0x102;nullonly;nogeneraterv=0x5", "it refuses CKA_ID "},
		"a public one":  {"nogenerate=0x10a", "it refuses CKA_VERIFY true"},
	} {
		t.Run(name, func(t *testing.T) {
			token := hsmtest.NewToken(t)
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
			_, err := hsm.Generate(t.Context(), token.Behind(t, library, c.orders).Address(t, ";object=new"), hsm.KeySpec{Bits: 2048}, options)
			wantError(t, "Generate", err, hsm.ErrNotMade, c.says)
			wantObjects(t, token, [4]int{})
		})
	}
}

// TestEnrollOnNSS makes a key in Firefox's softoken, and puts one there.
func TestEnrollOnNSS(t *testing.T) {
	token := hsmtest.NewNSSToken(t)
	options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
	address, certificate := enroll(t, token.Address(t, ";object=login"), options)
	mustSign(t, address, options, certificate.PublicKey.(*rsa.PublicKey)).Close()
	_, err := hsm.Generate(t.Context(), token.Address(t, ";object=login"), hsm.KeySpec{Bits: 2048}, options)
	wantError(t, "once more", err, hardware.ErrKeyExists, "")

	a := hsmtest.RSAKey(t, "a")
	imported, err := hsm.Import(t.Context(), token.Address(t, ";object=imported"), a, options)
	if err != nil {
		t.Fatal(err)
	}
	if stored, err := hsm.StoreCertificate(t.Context(), imported.Address, hsmtest.Certify(t, a), options); err != nil || !stored {
		t.Errorf("StoreCertificate = %v, %v", stored, err)
	}
	mustSign(t, imported.Address, options, &a.PublicKey).Close()
}

// TestDestroyedAndStillThere: a token that destroys nothing is not believed.
func TestDestroyedAndStillThere(t *testing.T) {
	library, a := hsmtest.BuildShim(t), hsmtest.RSAKey(t, "a")
	token := hsmtest.NewToken(t)
	token.Put(t, hsmtest.Named("login", 1).Pair(a, hsmtest.Certify(t, a))...)
	shim := token.Behind(t, library, "keepsobjects")
	options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
	deleted, err := hsm.Delete(t.Context(), shim.Address(t, ";object=login"), options)
	wantError(t, "Delete", err, hsm.ErrNotDeleted, "deleting the certificate")
	wantError(t, "Delete", err, nil, "still has it")
	if len(deleted) != 0 {
		t.Errorf("deleted %v", deleted)
	}
	wantObjects(t, token, [4]int{1, 1, 1, 0})

	shim.Order(t, "keepsobjects", "badsign")
	_, err = hsm.Import(t.Context(), shim.Address(t, ";object=other"), hsmtest.RSAKey(t, "b"), options)
	wantError(t, "Import", err, hardware.ErrBadSignature, "what was made until then is still there: delete pkcs11:token=test")
}

// TestNoPublicKeyOnImport: a token that makes no public key is given up on for no answer.
func TestNoPublicKeyOnImport(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for _, rv := range []string{"0x5", "0x6", "0x13", "0x54", "0x80000001"} {
		token := hsmtest.NewToken(t)
		shim := token.Behind(t, library, "nocreate2="+rv)
		if _, err := hsm.Import(t.Context(), shim.Address(t, ";object=login"), hsmtest.RSAKey(t, "a"), hsm.Options{PIN: (&pins{pin: token.PIN}).ask}); err != nil {
			t.Errorf("%s: %v", rv, err)
		}
		wantObjects(t, token, [4]int{1, 0, 0, 0})
	}
}
