//go:build cgo && unix

package hsm_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// guarded gives a PIN, and keeps what its guard is told.
type guarded struct {
	pin     string
	answers []error // of each send
	refuse  error   // if set, the guard sends nothing and returns this
	proved  int     // how often it is told that it was taken after all
}

func (g *guarded) ask(context.Context, hardware.PINRequest) (hardware.PIN, error) {
	return hardware.PIN{Value: []byte(g.pin), Proved: func() { g.proved++ }, Guard: func(_ hardware.Secret, send func() error) error {
		if g.refuse != nil {
			return g.refuse
		}
		err := send()
		g.answers = append(g.answers, err)
		return err
	}}, nil
}

// What a token answers to a PIN, and what the PIN's guard is told of it. Whatever it is, the
// PIN is sent once.
func TestPINAnswers(t *testing.T) {
	library := hsmtest.BuildShim(t)
	const wrong = "not-the-pin"
	noFlags := "clearflags=0x70000" // CKF_USER_PIN_COUNT_LOW, _FINAL_TRY, _LOCKED
	for name, c := range map[string]struct {
		orders  string
		pin     string // "": the right one
		options hsm.Options
		signs   bool
		taken   bool               // the guard is told that the token took the PIN
		refused bool               // or that it did not
		unclear *hardware.PINState // or that nobody knows, and the counter afterwards
		want    error              // or this
	}{
		"right":                        {signs: true, taken: true},
		"wrong":                        {pin: wrong, refused: true},
		"device error":                 {orders: "C_Login=0x30", unclear: new(hardware.PINFresh)},
		"general error":                {orders: "C_Login=0x5", unclear: new(hardware.PINFresh)},
		"failed":                       {orders: "C_Login=0x6", unclear: new(hardware.PINFresh)},
		"removed":                      {orders: "C_Login=0x32", unclear: new(hardware.PINFresh)},
		"not logged in":                {orders: "C_Login=0x101", unclear: new(hardware.PINFresh)},
		"user type":                    {orders: "C_Login=0x103", unclear: new(hardware.PINFresh)},
		"no PIN yet":                   {orders: "C_Login=0x102", unclear: new(hardware.PINFresh)},
		"arguments":                    {orders: "C_Login=0x7", unclear: new(hardware.PINFresh)},
		"session gone":                 {orders: "C_Login=0xB3", unclear: new(hardware.PINFresh)},
		"vendor's":                     {orders: "C_Login=0x80000042", unclear: new(hardware.PINFresh)},
		"undefined":                    {orders: "C_Login=0x1234", unclear: new(hardware.PINFresh)},
		"right, and an error after it": {orders: "C_Login=after:0x30", signs: true, taken: true},
		"wrong, an error after it, and the flags tell":               {orders: "C_Login=after:0x30", pin: wrong, refused: true},
		"wrong, an error after it, and no flags":                     {orders: "C_Login=after:0x30;" + noFlags, pin: wrong, unclear: new(hardware.PINFresh)},
		"wrong, and success in its place":                            {orders: "C_Login=after:0", pin: wrong, refused: true},
		"wrong, and somebody is said to be logged in":                {orders: "C_Login=refusal:0x100", pin: wrong, refused: true},
		"wrong, and so, and no flags":                                {orders: "C_Login=refusal:0x100;" + noFlags, pin: wrong, unclear: new(hardware.PINFresh)},
		"wrong, and so, and claims it":                               {orders: "C_Login=refusal:0x100;claimsloggedin", options: hsm.Options{LogIn: true}, pin: wrong, refused: true},
		"right, and somebody is logged in":                           {orders: "alreadyloggedin", signs: true, want: hardware.ErrPINNotRead},
		"claims a login that there was not, and is named":            {orders: "claimsloggedin", options: hsm.Options{LogIn: true}, signs: true, taken: true},
		"right, and the session does not tell":                       {orders: "C_GetSessionInfo=0x54", signs: true, taken: true},
		"wrong, success in its place, and the session does not tell": {orders: "C_Login=refusal:0;C_GetSessionInfo=0x30", pin: wrong, refused: true},
		"wrong, and so, and no flags to tell":                        {orders: "C_Login=refusal:0;C_GetSessionInfo=0x30;" + noFlags, pin: wrong, want: hardware.ErrPINUnproven},
		"wrong, success in its place, and claims it":                 {orders: "C_Login=refusal:0;claimsloggedin;" + noFlags, options: hsm.Options{LogIn: true}, pin: wrong, want: hardware.ErrPINUnproven},
		"wrong, somebody is logged in, claims it, and no flags":      {orders: "C_Login=refusal:0x100;claimsloggedin;" + noFlags, options: hsm.Options{LogIn: true}, pin: wrong, want: hardware.ErrPINUnproven},
		"wants no login, and one is named":                           {orders: "clearflags=0x4", options: hsm.Options{LogIn: true}, signs: true, taken: true},
		"has a keypad that is not believed in":                       {orders: "setflags=0x100", options: hsm.Options{NoPINPad: true}, signs: true, taken: true},
	} {
		t.Run(name, func(t *testing.T) {
			token := newLogin(t).Behind(t, library, c.orders)
			pin := &guarded{pin: c.pin}
			if pin.pin == "" {
				pin.pin = token.PIN
			}
			c.options.PIN = pin.ask
			err := openAndSign(t.Context(), token, t, c.options)
			if (err == nil) != c.signs {
				t.Errorf("it signs: %v", err)
			}
			if n := token.Calls(t, "C_Login"); n != 1 || len(pin.answers) != 1 {
				t.Fatalf("%d logins, %d sent by the guard", n, len(pin.answers))
			}
			answer := pin.answers[0]
			_, refused := errors.AsType[*hardware.PINError](answer)
			unclear, isUnclear := errors.AsType[*hardware.PINUnclearError](answer)
			if (answer == nil) != c.taken || refused != c.refused || isUnclear != (c.unclear != nil) || c.want != nil && !errors.Is(answer, c.want) {
				t.Errorf("the guard is told %v", answer)
			}
			if isUnclear && c.unclear != nil && (unclear.After != hardware.FlagCounter(*c.unclear) || !errors.Is(err, answer)) {
				t.Errorf("the guard is told %+v, the caller %v", unclear, err)
			}
		})
	}
}

// A guard that does not send ends the call, and the token hears nothing.
func TestGuardRefuses(t *testing.T) {
	token := newLogin(t).Behind(t, hsmtest.BuildShim(t))
	refusal := errors.New("nothing can be written down")
	pin := &guarded{pin: token.PIN, refuse: refusal}
	if err := openAndSign(t.Context(), token, t, hsm.Options{PIN: pin.ask}); !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
	if n := token.Calls(t, "C_OpenSession"); n != 1 {
		t.Errorf("%d sessions", n)
	}
	if token.Logins(t) != nil {
		t.Errorf("the PIN was sent: %v", token.Logins(t))
	}
}

// A PIN that logs in once more, for the session that writes or for a signature, is guarded
// each time; and what fails afterwards says nothing of it.
func TestGuardedAgain(t *testing.T) {
	library := hsmtest.BuildShim(t)
	a := hsmtest.RSAKey(t, "a")
	certificate := hsmtest.Certify(t, a)
	t.Run("writes", func(t *testing.T) {
		token := hsmtest.NewToken(t)
		token.Put(t, hsmtest.Named("login", 7).Private(a))
		shim := token.Behind(t, library, "C_CreateObject=0xA2") // CKR_PIN_LEN_RANGE, of all codes
		pin := &guarded{pin: token.PIN}
		_, err := hsm.StoreCertificate(t.Context(), shim.Address(t, ";object=login"), certificate, hsm.Options{PIN: pin.ask})
		if _, refused := errors.AsType[*hardware.PINError](err); err == nil || refused || !strings.Contains(err.Error(), "CKR_PIN_LEN_RANGE") {
			t.Errorf("got %v", err)
		}
		if len(pin.answers) != 2 || errors.Join(pin.answers...) != nil {
			t.Errorf("the guard is told %v", pin.answers)
		}
	})
	t.Run("writes, and the second login fails", func(t *testing.T) {
		token := hsmtest.NewToken(t)
		token.Put(t, hsmtest.Named("login", 7).Private(a))
		shim := token.Behind(t, library)
		pin := &guarded{pin: token.PIN}
		options := hsm.Options{PIN: pin.ask}
		answers := 0
		options.PIN = func(ctx context.Context, request hardware.PINRequest) (hardware.PIN, error) {
			given, err := pin.ask(ctx, request)
			guard := given.Guard
			given.Guard = func(secret hardware.Secret, send func() error) error {
				if answers++; answers == 2 {
					shim.Order(t, "C_Login=0x30")
				}
				return guard(secret, send)
			}
			return given, err
		}
		_, err := hsm.StoreCertificate(t.Context(), shim.Address(t, ";object=login"), certificate, options)
		if _, unclear := errors.AsType[*hardware.PINUnclearError](err); !unclear || len(pin.answers) != 2 || pin.answers[0] != nil {
			t.Errorf("got %v; the guard is told %v", err, pin.answers)
		}
		if n := shim.Calls(t, "C_Login"); n != 2 {
			t.Errorf("%d logins", n)
		}
	})
	t.Run("a key's PIN is proven by a signature", func(t *testing.T) {
		token := hsmtest.NewToken(t)
		name := hsmtest.Named("login", 7)
		token.Put(t, name.Private(a).With(pkcs11.CKA_ALWAYS_AUTHENTICATE, true), name.Certificate(certificate))
		for orders, proved := range map[string]int{"C_Login@2=after:0": 1, "C_Login@2=after:0x100": 1, "C_Sign=0x101": 0} {
			pin := &guarded{pin: token.PIN}
			err := openAndSign(t.Context(), token.Behind(t, library, orders), t, hsm.Options{PIN: pin.ask})
			if (err == nil) != (proved == 1) || pin.proved != proved || len(pin.answers) != 2 || !errors.Is(pin.answers[1], hardware.ErrPINUnproven) {
				t.Errorf("%s: %v; the guard is told %v, and %d times that it is proven", orders, err, pin.answers, pin.proved)
			}
		}
	})
	t.Run("signs", func(t *testing.T) {
		token := hsmtest.NewToken(t)
		name := hsmtest.Named("login", 7)
		token.Put(t, name.Private(a).With(pkcs11.CKA_ALWAYS_AUTHENTICATE, true), name.Certificate(certificate))
		shim := token.Behind(t, library, "C_Login@2=0x30")
		pin := &guarded{pin: token.PIN}
		err := openAndSign(t.Context(), shim, t, hsm.Options{PIN: pin.ask})
		if _, unclear := errors.AsType[*hardware.PINUnclearError](err); !unclear || len(pin.answers) != 2 || pin.answers[0] != nil {
			t.Errorf("got %v; the guard is told %v", err, pin.answers)
		}
		if n := shim.Calls(t, "C_Login"); n != 2 {
			t.Errorf("%d logins", n)
		}
	})
}
