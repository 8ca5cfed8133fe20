//go:build cgo && unix

package hsm_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// openAndSign does the whole way of a login and returns its first error.
func openAndSign(ctx context.Context, token *hsmtest.Shim, t *testing.T, options hsm.Options) error {
	key, err := hsm.Open(ctx, token.Address(t, ";object=login"), options)
	if err != nil {
		return err
	}
	_, err = key.SignSHA512(ctx, message)
	return errors.Join(err, key.Close())
}

func TestFaults(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, c := range map[string]struct {
		order     string
		says      []string
		want      error
		transient bool
		refused   *hardware.PINError
	}{
		"removed while signing":      {order: "C_Sign=0x32", says: []string{"signing: the token was removed (CKR_DEVICE_REMOVED)", "object=login"}, transient: true},
		"signing is not done":        {order: "C_SignInit=0x6", says: []string{"signing:", "(CKR_FUNCTION_FAILED)"}, transient: true},
		"vendor's error":             {order: "C_Sign=0x80000123", says: []string{"its maker's own (0x80000123)"}, transient: true},
		"unknown error":              {order: "C_Sign=0x777", says: []string{"(0x777)"}, transient: true},
		"module does not start":      {order: "C_Initialize=0x30", want: hsm.ErrModule, says: []string{"starting the module", "(CKR_DEVICE_ERROR)"}, transient: true},
		"slots are not told":         {order: "C_GetSlotList=0x5", want: hsm.ErrModule, says: []string{"listing its slots"}, transient: true},
		"token is not told":          {order: "C_GetTokenInfo=0xE1", want: hsm.ErrNoToken, says: []string{"does not know this kind of token"}, transient: true},
		"no session":                 {order: "C_OpenSession=0xB1", says: []string{`token "test"`, "other programs hold them all"}, transient: true},
		"no search":                  {order: "C_FindObjectsInit=0x30", says: []string{"searching"}, transient: true},
		"search breaks off":          {order: "C_FindObjects=0x32", says: []string{"searching"}, transient: true},
		"key is not told":            {order: "C_GetAttributeValue=0x82", says: []string{"reading a key"}, transient: true},
		"certificate is not told":    {order: "C_GetAttributeValue@3=0x30", says: []string{"reading a certificate"}, transient: true},
		"login breaks off":           {order: "C_Login=0x30", says: []string{"logging in"}, transient: true},
		"cancelled at the PIN pad":   {order: "pinpad;C_Login=0x50", says: []string{"logging in: it was cancelled at the token (CKR_FUNCTION_CANCELED)"}},
		"cancelled, by CKR_CANCEL":   {order: "pinpad;C_Login=0x1", says: []string{"logging in: it was cancelled at the token (CKR_CANCEL)"}},
		"no user PIN":                {order: "C_Login=0x102", says: []string{"no user PIN yet"}},
		"PIN of wrong length":        {order: "C_Login=0xA2", says: []string{"too long or too short"}, refused: &hardware.PINError{}},
		"PIN with wrong characters":  {order: "C_Login=0xA1", says: []string{"characters"}, refused: &hardware.PINError{}},
		"PIN expired":                {order: "C_Login=0xA3", says: []string{"must be changed"}, refused: &hardware.PINError{}},
		"PIN locked by this try":     {order: "C_Login=0xA4", says: []string{"security officer"}, refused: &hardware.PINError{Locked: true}},
		"PIN locked before":          {order: "setflags=0x40000", says: []string{"the PIN is locked"}, refused: &hardware.PINError{Locked: true, Counter: hardware.FlagCounter(hardware.PINLocked)}},
		"last try":                   {order: "C_Login=0xA0;setflags=0x20000", says: []string{"one more wrong PIN locks it"}, refused: &hardware.PINError{Counter: hardware.FlagCounter(hardware.PINFinalTry)}},
		"wrong signature":            {order: "badsign", want: hardware.ErrBadSignature},
		"no mechanism":               {order: "C_SignInit=0x70", says: []string{"does not know the mechanism"}},
		"key may not be used so":     {order: "C_SignInit=0x68", says: []string{"may not be used for this"}},
		"modulus hidden, no signing": {order: "hidemodulus;C_Sign=0x32", says: []string{"signing"}, transient: true},
	} {
		t.Run(name, func(t *testing.T) {
			token := newLogin(t).Behind(t, library, c.order)
			pin := &pins{pin: token.PIN}
			err := openAndSign(t.Context(), token, t, hsm.Options{PIN: pin.ask})
			for _, text := range append(c.says, "") {
				wantError(t, name, err, c.want, text)
			}
			if hsm.Transient(err) != c.transient {
				t.Errorf("Transient(%v) = %v", err, !c.transient)
			}
			wantRefused(t, err, c.refused)
			if len(pin.requests) > 1 {
				t.Errorf("the PIN was asked for %d times", len(pin.requests))
			}
		})
	}
}

func wantRefused(t *testing.T, err error, want *hardware.PINError) {
	t.Helper()
	got, ok := errors.AsType[*hardware.PINError](err)
	if ok != (want != nil) {
		t.Fatalf("error %#v, want PINError: %v", err, want != nil)
	}
	if ok && (got.Locked != want.Locked || got.Counter.State != want.Counter.State) {
		t.Errorf("PINError %+v, want %+v", got, want)
	}
}

// TestOddities are tokens that are odd, and sign all the same.
func TestOddities(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, order := range map[string]string{
		"write-protected":           "setflags=0x2",
		"one read/write session":    "maxrw=1",
		"slot that does not answer": "badslot",
		"PIN pad":                   "pinpad",
		"no CKM_RSA_PKCS":           "nomechanism=0x1",
		"no CKM_RSA_PKCS in C_Sign": "C_Sign@1=0x70",
		"no question for a length":  "C_Sign@1=0x150",
		"no CKM_SHA512_RSA_PKCS":    "nomechanism=0x42",
		"modulus hidden":            "hidemodulus",
		"session state is not told": "C_GetSessionInfo=0x54",
		"module's end fails":        "C_Finalize=0x5",
		"low counter":               "setflags=0x10000",
		"logged in by someone else": "C_Login@2=0x100",
		"session's end fails":       "C_CloseSession=0x30",
	} {
		t.Run(name, func(t *testing.T) {
			token := newLogin(t).Behind(t, library, order)
			pin := &pins{pin: token.PIN}
			if err := openAndSign(t.Context(), token, t, hsm.Options{PIN: pin.ask}); err != nil {
				t.Fatal(err)
			}
			if pad := name == "PIN pad"; pin.requests[0].PINPad != pad {
				t.Errorf("asked with PINPad %v", !pad)
			}
			if low := name == "low counter"; (pin.requests[0].Counter.State == hardware.PINLow) != low {
				t.Errorf("asked with state %v", pin.requests[0].Counter.State)
			}
		})
	}
}

// TestNoMechanism: of a key that signs by neither mechanism both answers are told, and that trying again
// does not change them.
func TestNoMechanism(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for order, code := range map[string]string{
		"C_SignInit=0x70": "CKR_MECHANISM_INVALID", "C_SignInit=0x68": "CKR_KEY_FUNCTION_NOT_PERMITTED", "C_Sign=0x20": "CKR_DATA_INVALID",
	} {
		token := newLogin(t).Behind(t, library, order)
		err := openAndSign(t.Context(), token, t, hsm.Options{PIN: (&pins{pin: token.PIN}).ask})
		wantError(t, order, err, hardware.ErrUnusableKey, "it does not make the RSASSA-PKCS1-v1_5 signature that is needed: CKM_RSA_PKCS: ")
		wantError(t, order, err, hardware.ErrUnusableKey, "("+code+"); CKM_SHA512_RSA_PKCS: ")
		if hsm.Transient(err) {
			t.Errorf("%s: it is taken for something that passes", order)
		}
	}
}

// TestHang lets each call of a login hang in turn.
func TestHang(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for call, doing := range map[string]string{
		"C_Initialize":        "starting",
		"C_GetTokenInfo":      "starting",
		"C_Login":             "logging in",
		"C_FindObjects":       "reading the token",
		"C_GetAttributeValue": "reading the token",
		"C_Sign":              "signing",
		"C_SignInit":          "signing",
	} {
		t.Run(call, func(t *testing.T) {
			token := newLogin(t).Behind(t, library, call+"@1=hang")
			waitForModule(t)
			ctx := token.Hung(t)
			err := openAndSign(ctx, token, t, hsm.Options{PIN: (&pins{pin: token.PIN}).ask})
			wantError(t, call, err, context.DeadlineExceeded, "did not answer while "+doing)
			if !hsm.Transient(err) {
				t.Errorf("%v is not taken for something that passes", err)
			}
			token.Release(t)
		})
	}
}

func TestHangingKeyIsLost(t *testing.T) {
	token := newLogin(t).Behind(t, hsmtest.BuildShim(t), "C_Sign=hang")
	waitForModule(t)
	key, err := hsm.Open(t.Context(), token.Address(t), hsm.Options{PIN: (&pins{pin: token.PIN}).ask})
	if err != nil {
		t.Fatal(err)
	}
	_, err = key.SignSHA512(token.Hung(t), message)
	wantError(t, "first", err, context.DeadlineExceeded, token.Module+" did not answer")
	_, err = key.SignSHA512(t.Context(), message)
	wantError(t, "second", err, nil, "open the key again")
	if err := key.Close(); err != nil {
		t.Error(err)
	}
	token.Release(t)
}

// TestCloseDoesNotWaitForEver closes a key whose module does not answer any more.
func TestCloseDoesNotWaitForEver(t *testing.T) {
	token := newLogin(t).Behind(t, hsmtest.BuildShim(t), "C_CloseSession=hang")
	waitForModule(t)
	key, err := hsm.Open(t.Context(), token.Address(t), hsm.Options{PIN: (&pins{pin: token.PIN}).ask})
	if err != nil {
		t.Fatal(err)
	}
	err = hsm.CloseUntil(token.Hung(t), key)
	wantError(t, "Close", err, context.DeadlineExceeded, "did not answer while closing")
	token.Release(t)
}

// TestTurns lets a second signature wait for one that hangs.
func TestTurns(t *testing.T) {
	token := newLogin(t).Behind(t, hsmtest.BuildShim(t), "C_Sign=hang")
	waitForModule(t)
	key, err := hsm.Open(t.Context(), token.Address(t), hsm.Options{PIN: (&pins{pin: token.PIN}).ask})
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan error)
	hung := token.Hung(t)
	go func() {
		_, err := key.SignSHA512(t.Context(), message)
		first <- err
	}()
	<-hung.Done()
	_, err = key.SignSHA512(hung, message)
	wantError(t, "second", err, context.DeadlineExceeded, "another signature was under way")
	token.Release(t)
	wantError(t, "first", <-first, nil, "(CKR_DEVICE_ERROR)")
	if err := key.Close(); err != nil {
		t.Error(err)
	}
}

// TestManySigners uses one key from many goroutines.
func TestManySigners(t *testing.T) {
	token := newLogin(t)
	key := mustSign(t, token.Address(t), hsm.Options{PIN: (&pins{pin: token.PIN}).ask}, &hsmtest.RSAKey(t, "a").PublicKey)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := key.SignSHA512(t.Context(), message); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestCrash(t *testing.T) {
	if os.Getenv("HSMTEST_CRASH") != "" {
		crash(t)
		return
	}
	token := newLogin(t).Behind(t, hsmtest.BuildShim(t), "C_Sign=crash")
	child := exec.Command(os.Args[0], "-test.run=^TestCrash$")
	child.Env = append(os.Environ(), "HSMTEST_CRASH="+token.Address(t).String())
	output, err := child.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); !ended || !strings.Contains(string(output), "SIGSEGV") {
		t.Errorf("the child ended with %v:\n%s", err, output)
	}
	if strings.Contains(string(output), token.PIN) {
		t.Error("the crash shows the PIN")
	}
}

// crash signs in a child process, whose module crashes.
func crash(t *testing.T) {
	address, err := uri.Parse(os.Getenv("HSMTEST_CRASH"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := hsm.Open(t.Context(), address, hsm.Options{PIN: func(context.Context, hardware.PINRequest) (hardware.PIN, error) {
		return hardware.PIN{Value: []byte(os.Getenv("HSMTEST_SHIM_PIN"))}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	key.SignSHA512(t.Context(), message)
	t.Fatal("the module did not crash")
}

func TestAlwaysAuthenticate(t *testing.T) {
	token := hsmtest.NewToken(t)
	a := hsmtest.RSAKey(t, "a")
	name := hsmtest.Named("login", 7)
	token.Put(t, name.Private(a).With(pkcs11.CKA_ALWAYS_AUTHENTICATE, true), name.Certificate(hsmtest.Certify(t, a)))
	spied, counts := spy(t, token)
	pin := &pins{pin: token.PIN}
	key := mustSign(t, spied.Address(t), hsm.Options{PIN: pin.ask}, &a.PublicKey)
	if n := counts()["C_Login"]; n != 2 || len(pin.requests) != 1 {
		t.Errorf("%d logins with %d questions, want two with one", n, len(pin.requests))
	}
	if _, err := key.SignSHA512(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	if len(pin.requests) != 2 || pin.requests[1].Key != "login" {
		t.Errorf("the second signature asked %+v", pin.requests)
	}
	for _, returned := range pin.returned {
		if strings.Trim(string(returned), "\x00") != "" {
			t.Error("a PIN was not overwritten")
		}
	}
	pin.pin = ""
	_, err := key.SignSHA512(t.Context(), message)
	wantError(t, "no PIN", err, hardware.ErrPINNeeded, "")
	pin.pin = token.PIN
	if _, err := key.SignSHA512(t.Context(), message); err != nil {
		t.Fatalf("after a question without an answer: %v", err)
	}
	pin.pin = "wrong"
	for range 2 {
		_, err := key.SignSHA512(t.Context(), message)
		wantRefused(t, err, &hardware.PINError{Counter: hardware.FlagCounter(hardware.PINLow)})
	}
	if len(pin.requests) != 5 {
		t.Errorf("%d questions: a refused PIN was asked for again", len(pin.requests))
	}
}

// TestAlwaysAuthenticateOnOddTokens: the key wants its PIN between C_SignInit and
// C_Sign, on whichever way the signature comes about.
func TestAlwaysAuthenticateOnOddTokens(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, c := range map[string]struct {
		order  string
		logins int      // calls of C_Login
		asked  []string // PINRequest.Key of each question
	}{
		"PIN pad":                   {"pinpad", 2, []string{"", "login"}}, // typed twice, so the person is told twice
		"no CKM_RSA_PKCS":           {"nomechanism=0x1", 2, []string{""}},
		"no CKM_RSA_PKCS in C_Sign": {"C_Sign@1=0x70", 3, []string{""}}, // each signature that begins wants it
		"modulus hidden":            {"hidemodulus", 3, []string{""}},   // the signature that tells the key is one
	} {
		t.Run(name, func(t *testing.T) {
			bare := hsmtest.NewToken(t)
			a := hsmtest.RSAKey(t, "a")
			login := hsmtest.Named("login", 7)
			bare.Put(t, login.Private(a).With(pkcs11.CKA_ALWAYS_AUTHENTICATE, true), login.Certificate(hsmtest.Certify(t, a)))
			token := bare.Behind(t, library, c.order)
			pin := &pins{pin: token.PIN}
			err := openAndSign(t.Context(), token, t, hsm.Options{PIN: pin.ask})
			var asked []string
			for _, request := range pin.requests {
				asked = append(asked, request.Key)
			}
			if err != nil || !slices.Equal(asked, c.asked) || token.Calls(t, "C_Login") != c.logins {
				t.Errorf("%v; asked for %q with %d logins, want %q with %d", err, asked, token.Calls(t, "C_Login"), c.asked, c.logins)
			}
		})
	}
}
