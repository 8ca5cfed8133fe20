//go:build cgo

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// behindShim returns a token with a key that can log in, behind a module that
// misbehaves as told, and the arguments that sign with it.
func behindShim(t *testing.T, orders ...string) (shim *hsmtest.Shim, sign, env []string) {
	token := hsmtest.NewToken(t)
	key := hsmtest.RSAKey(t, "a")
	token.Put(t, hsmtest.Named("login", 1).Pair(key, hsmtest.Certify(t, key))...)
	shim = token.Behind(t, hsmtest.BuildShim(t), orders...)
	return shim, []string{"sign", "--key", shim.Address(t, ";object=login").String()}, []string{"XDG_STATE_HOME=" + t.TempDir(), "PIN=" + token.PIN}
}

// Token flags of PKCS#11 section 3.2.
const (
	flagFinalTry = "setflags=0x20000"
	flagLocked   = "setflags=0x40000"
)

func TestLastTry(t *testing.T) {
	shim, sign, env := behindShim(t, flagFinalTry)

	t.Run("no terminal", func(t *testing.T) {
		var r result
		r.run(t, env, append(sign, "--pin", "env:PIN"))
		r.want(t, 3, "one more wrong PIN locks token \"test\", so a person must say yes first", "hint: run it on a terminal")
	})
	t.Run("no", func(t *testing.T) {
		var ty typist
		ty.run(t, env, append(sign, "--pin", "env:PIN"), "Type yes to go on: ", "y\n")
		ty.want(t, 3, "the last PIN try was not confirmed")
	})
	if n := shim.Calls(t, "C_Login"); n != 0 {
		t.Errorf("%d logins without a yes", n)
	}
	if t.Failed() { // the next would wait in vain for as long again
		return
	}
	t.Run("yes", func(t *testing.T) {
		var ty typist
		ty.run(t, env, sign, "LAST TRY: one more wrong PIN locks token \"test\". Type yes to go on: ", "yes\n", "(LAST TRY): ", shim.PIN+"\n")
		ty.want(t, 0)
	})
}

func TestLockedPIN(t *testing.T) {
	shim, sign, env := behindShim(t, flagLocked)
	var r result
	r.run(t, env, append(sign, "--pin", "env:PIN"))
	r.want(t, 3, "CKR_PIN_LOCKED", "hint: to unlock it and set a new PIN: ")
	if n := shim.Calls(t, "C_Login"); n != 0 {
		t.Errorf("%d logins to a locked token", n)
	}
}

// A wrong PIN reaches the token once, however often the job runs.
func TestWrongPINIsSentOnce(t *testing.T) {
	shim, sign, env := behindShim(t)
	env = append(env, "PIN=wrong-pin")
	for range 3 {
		var r result
		r.run(t, env, append(sign, "--pin", "env:PIN"))
		r.want(t, 3)
	}
	if n := shim.Calls(t, "C_Login"); n != 1 {
		t.Errorf("the wrong PIN was sent %d times", n)
	}
}

func TestPINPad(t *testing.T) {
	_, sign, env := behindShim(t, "pinpad")
	var r result
	r.run(t, env, sign)
	r.want(t, 0, `note: enter the PIN of token "test" on the keypad of the device`)
}

// A module that does not answer ends the command in time and not for ever.
func TestModuleHangs(t *testing.T) {
	_, sign, env := behindShim(t, "C_Sign=hang")
	var r result
	r.run(t, env, append(sign, "--pin", "env:PIN", "--timeout", "1s"))
	r.want(t, 1, "not done within 1s")
}

// A module that crashes is an error like others: in words, and with its exit code.
func TestModuleCrashes(t *testing.T) {
	_, sign, env := behindShim(t, "C_Sign=crash")
	var r result
	r.run(t, env, append(sign, "--pin", "env:PIN"))
	r.want(t, 1, "error: the PKCS#11 module crashed", "hint: try again")
	if strings.Contains(r.stderr.String(), "goroutine") {
		t.Errorf("stderr: %s", r.stderr.String())
	}
}

func TestDeviceFails(t *testing.T) {
	shim, sign, env := behindShim(t)
	token, library := shim.Token.Through(hsmtest.SoftHSM(t)), shim.Module
	for order, want := range map[string]string{
		"C_Sign=0x32":           "CKR_DEVICE_REMOVED",
		"C_Initialize=0x5":      "CKR_GENERAL_ERROR",
		"C_OpenSession=0xE1":    "CKR_TOKEN_NOT_RECOGNIZED",
		"C_GetTokenInfo=0x32":   "CKR_DEVICE_REMOVED",
		"C_FindObjectsInit=0x7": "CKR_ARGUMENTS_BAD",
		"badsign":               "the device returned a signature that does not verify",
	} {
		t.Run(order, func(t *testing.T) {
			token.Behind(t, library, order)
			var r result
			r.run(t, env, append(sign, "--pin", "env:PIN"))
			if r.code == 0 || r.stdout.Len() > 0 || !strings.Contains(r.stderr.String(), want) {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %s", r.code, r.stdout.String(), r.stderr.String(), want)
			}
		})
	}
}

// No secret of a login is to be read in what the program says, whatever happens.
func TestSecretsStayIn(t *testing.T) {
	shim, sign, env := behindShim(t, "C_SignInit=0x6")
	file := filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(file, []byte("not-the-pin-4242"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"env:PIN", "file:" + file, "command:cat " + file} {
		var r result
		r.run(t, env, append(sign, "--pin", source))
		for _, secret := range []string{shim.PIN, "not-the-pin-4242"} {
			if strings.Contains(r.stderr.String()+r.stdout.String(), secret) {
				t.Errorf("%s: the PIN is in the output", source)
			}
		}
	}
}
