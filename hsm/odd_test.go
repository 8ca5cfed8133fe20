//go:build cgo && unix

package hsm_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// TestOddNames: what a token calls itself is any bytes at all. It is listed by them, and its
// address leads to it.
func TestOddNames(t *testing.T) {
	library := hsmtest.BuildShim(t)
	hex := func(text string) string { return fmt.Sprintf("%x", text) }
	for name, c := range map[string]struct{ order, label, serial string }{
		"zeros for blanks":     {"padnul", "test", ""},
		"no room for a blank":  {"label=" + hex(strings.Repeat("x", 32)), strings.Repeat("x", 32), ""},
		"no text":              {"label=" + hex("\xfflogin\x00b\x1b[2J"), "\xfflogin\x00b\x1b[2J", ""},
		"separators":           {"label=" + hex("a;b=c?d&e"), "a;b=c?d&e", ""},
		"serial without text":  {"serial=" + hex(strings.Repeat("\xff", 16)), "test", strings.Repeat("\xff", 16)},
		"blanks only":          {"label=20;serial=20", "", " "},
		"a model without text": {"model=" + hex("\xff\x00\xff"), "test", ""},
	} {
		t.Run(name, func(t *testing.T) {
			token := newLogin(t).Behind(t, library, c.order)
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
			tokens, err := hsm.List(t.Context(), token.Address(t).Without("token").Without("serial"), options)
			if err != nil || len(tokens) != 1 || tokens[0].Label != c.label || c.serial != "" && tokens[0].Serial != strings.TrimSpace(c.serial) {
				t.Fatalf("%+v, %v; want the label %q", tokens, err, c.label)
			}
			address := tokens[0].Address.String()
			if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("the address %q is not plain text", address)
			}
			mustSign(t, mustParse(t, address), options, &hsmtest.RSAKey(t, "a").PublicKey).Close()
		})
	}
}

// TestUntoldAttributes: what an object does not tell, or tells cut off, is missing, and said if it
// matters.
func TestUntoldAttributes(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, c := range map[string]struct {
		order   string
		want    error
		says    string
		address string // of the key, as far as it has a name; "": it cannot be opened
	}{
		"always authenticate": {"noattribute=0x202", nil, "", ";object=login"},
		"label":               {"noattribute=0x3", nil, "", ";id=%07"},
		"id":                  {"noattribute=0x102", nil, "", ";object=login"},
		"sign":                {"noattribute=0x108", nil, "", ";object=login"},
		"type":                {"noattribute=0x100", hardware.ErrUnusableKey, "of a type that the token does not tell", ""},
		"certificate":         {"noattribute=0x11", hardware.ErrNoCertificate, "it is not an X.509 certificate", ""},
		"all but one":         {"oneattribute", nil, "", ";object=login"},
		"half a certificate":  {"cutattribute=0x11", hardware.ErrNoCertificate, "it is not an X.509 certificate", ""},
		"half a modulus":      {"cutattribute=0x120", hardware.ErrUnusableKey, "RSA 1024", ""},
		"half a type":         {"cutattribute=0x100", nil, "", ";object=login"}, // 4 bytes, as on 32-bit machines
		"damaged certificate": {"badcertificate", hardware.ErrNoCertificate, "it is not an X.509 certificate", ""},
	} {
		t.Run(name, func(t *testing.T) {
			token := newLogin(t).Behind(t, library, c.order)
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
			if tokens, err := hsm.List(t.Context(), token.Address(t), options); err != nil || len(tokens) != 1 || len(tokens[0].Keys) != 1 || tokens[0].Err != nil {
				t.Errorf("listed %+v, %v", tokens, err)
			}
			if c.address == "" {
				_, err := hsm.Open(t.Context(), token.Address(t), options)
				wantError(t, name, err, c.want, c.says)
				return
			}
			key := mustSign(t, token.Address(t), options, &hsmtest.RSAKey(t, "a").PublicKey)
			defer key.Close()
			if got := key.Address().String(); !strings.Contains(got, c.address+"?") {
				t.Errorf("the key's address is %s", got)
			}
		})
	}
}

// TestSlotsComeAndGo: a token that is there is found, whatever the module's slots do meanwhile.
func TestSlotsComeAndGo(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, order := range map[string]string{
		"seen when all are asked for": "lateslots",
		"one comes":                   "newslot=1",
		"one goes":                    "goneslot=1",
		"said to be empty":            "notpresent",
		"not told":                    "C_GetSlotInfo=0x30",
		"not initialised, it says":    "clearflags=0x400",
	} {
		t.Run(name, func(t *testing.T) {
			token := newLogin(t).Behind(t, library, order)
			if err := openAndSign(t.Context(), token, t, hsm.Options{PIN: (&pins{pin: token.PIN}).ask}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestShortSignature: a signature that is cut off is not taken for one.
func TestShortSignature(t *testing.T) {
	token := newLogin(t).Behind(t, hsmtest.BuildShim(t), "shortsign")
	err := openAndSign(t.Context(), token, t, hsm.Options{PIN: (&pins{pin: token.PIN}).ask})
	wantError(t, "shortsign", err, hardware.ErrBadSignature, "")
}

// TestLengthThatEndsTheSignature: a token that ends a signature when it is asked how long it will be
// signs all the same; a key that wants its PIN for each is not asked for another.
func TestLengthThatEndsTheSignature(t *testing.T) {
	library, a := hsmtest.BuildShim(t), hsmtest.RSAKey(t, "a")
	for name, always := range map[string]bool{"one PIN": false, "a PIN for each": true} {
		t.Run(name, func(t *testing.T) {
			bare, login := hsmtest.NewToken(t), hsmtest.Named("login", 7)
			bare.Put(t, login.Private(a).With(pkcs11.CKA_ALWAYS_AUTHENTICATE, always), login.Certificate(hsmtest.Certify(t, a)))
			token := bare.Behind(t, library, "lengthends")
			pin := &pins{pin: token.PIN}
			err := openAndSign(t.Context(), token, t, hsm.Options{PIN: pin.ask})
			if always {
				wantError(t, name, err, nil, "the token forgot what it was doing")
			} else if err != nil {
				t.Error(err)
			}
			if len(pin.requests) != 1 {
				t.Errorf("asked %d times", len(pin.requests))
			}
		})
	}
}

// TestUserBeforeThePIN: a module that wants a user's name gets it with the PIN, and who does not
// know that is told.
func TestUserBeforeThePIN(t *testing.T) {
	token := newLogin(t).Behind(t, hsmtest.BuildShim(t), "userpass")
	err := openAndSign(t.Context(), token, t, hsm.Options{PIN: (&pins{pin: token.PIN}).ask})
	wantError(t, "PIN alone", err, nil, "USER:PIN")
	if n := token.RefusedLogins(t); n != 0 {
		t.Errorf("%d tries were lost", n)
	}
	if err := openAndSign(t.Context(), token, t, hsm.Options{PIN: (&pins{pin: "crypto:" + token.PIN}).ask}); err != nil {
		t.Error(err)
	}
}

// TestPINLengths: a token's idea of how long PINs are is its own to enforce.
func TestPINLengths(t *testing.T) {
	token := newLogin(t).Behind(t, hsmtest.BuildShim(t), "pinlength=12")
	if err := openAndSign(t.Context(), token, t, hsm.Options{PIN: (&pins{pin: token.PIN}).ask}); err != nil {
		t.Error(err)
	}
}

// TestOddModules are modules that take odd calls only, and sign all the same.
func TestOddModules(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, order := range map[string]string{
		"no threads":               "nooslocking",
		"threads of its own":       "nooslocking=0x9",
		"no arguments":             "nullonly",
		"read/write sessions only": "rwonly",
		"read-only sessions only":  "roonly",
		"one object at a time":     "findone",
		"version 3":                "version=3",
		"functions that are not":   "nullfunctions",
	} {
		t.Run(name, func(t *testing.T) {
			token := newLogin(t).Behind(t, library, order)
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
			if err := openAndSign(t.Context(), token, t, options); err != nil {
				t.Error(err)
			}
			if tokens, err := hsm.List(t.Context(), token.Address(t), options); err != nil || len(tokens) != 1 || len(tokens[0].Keys) != 1 {
				t.Errorf("listed %+v, %v", tokens, err)
			}
		})
	}
}

// TestProcessStaysAsItWas: a module changes neither the directory nor the signals of the process,
// whoever starts it.
func TestProcessStaysAsItWas(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for _, order := range []string{"chdir", "sigpipe"} {
		directory, signals := processState(t)
		token := newLogin(t).Behind(t, library, order)
		if err := openAndSign(t.Context(), token, t, hsm.Options{PIN: (&pins{pin: token.PIN}).ask}); err != nil {
			t.Error(err)
		}
		if _, err := hsm.Generate(t.Context(), token.Address(t, ";object=new"), hsm.KeySpec{Bits: 2048}, hsm.Options{PIN: (&pins{pin: token.PIN}).ask}); err != nil {
			t.Error(err)
		}
		if nowIn, nowCaught := processState(t); nowIn != directory || nowCaught != signals {
			t.Errorf("%s: in %s, catching %s; before in %s, catching %s", order, nowIn, nowCaught, directory, signals)
		}
	}
}

// processState returns the working directory, and which signals are caught (proc_pid_status(5)).
func processState(t *testing.T) (directory, caught string) {
	t.Helper()
	directory, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("there is no /proc")
	}
	lines := strings.Split(string(status), "\n")
	at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "SigCgt:") })
	return directory, lines[at]
}

// TestTokenThatMakesNoSuchObjects: what a token does not make is said, or done without, and nothing
// half made is left.
func TestTokenThatMakesNoSuchObjects(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, c := range map[string]struct {
		order   string
		want    error
		says    string      // of the import; "": it succeeds
		storing string      // what is said of a certificate then; "": none is stored
		objects map[int]int // class: how many there are in the end
	}{
		"no public keys":  {"nocreate2=0x13", nil, "", "", map[int]int{pkcs11.CKO_PRIVATE_KEY: 1, pkcs11.CKO_PUBLIC_KEY: 0}},
		"no private keys": {"nocreate3=0x13", hsm.ErrNoImport, "make a new key there", "", nil},
		"no certificates": {"nocreate1=0x13", nil, "", "storing the certificate: the token does not take the value", map[int]int{pkcs11.CKO_PRIVATE_KEY: 1, pkcs11.CKO_PUBLIC_KEY: 1}},
		"read-only":       {"roonly", hsm.ErrNoImport, `token "test" is write-protected`, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			bare, a := hsmtest.NewToken(t), hsmtest.RSAKey(t, "a")
			token := bare.Behind(t, library, c.order)
			options, address := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}, token.Address(t, ";object=login")
			_, err := hsm.Import(t.Context(), address, a, options)
			if c.says != "" {
				wantError(t, "Import", err, c.want, c.says)
			} else if err != nil {
				t.Fatal(err)
			}
			if c.storing != "" {
				_, err = hsm.StoreCertificate(t.Context(), address, hsmtest.Certify(t, a), options)
				wantError(t, "StoreCertificate", err, hardware.ErrNotKept, c.storing)
			}
			wantObjects(t, bare, [4]int{c.objects[pkcs11.CKO_PRIVATE_KEY], c.objects[pkcs11.CKO_PUBLIC_KEY], c.objects[pkcs11.CKO_CERTIFICATE], 0})
		})
	}
}

// TestTokenThatForbidsAnAttribute: a key that would not be kept in the token for sure is not made.
func TestTokenThatForbidsAnAttribute(t *testing.T) {
	bare := hsmtest.NewToken(t)
	token := bare.Behind(t, hsmtest.BuildShim(t), "nogenerate=0x162") // CKA_EXTRACTABLE
	options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
	_, err := hsm.Generate(t.Context(), token.Address(t, ";object=login"), hsm.KeySpec{Bits: 2048}, options)
	wantError(t, "Generate", err, hsm.ErrNotMade, "generating the key: the object lacks an attribute (CKR_ATTRIBUTE_TYPE_INVALID)")
	wantError(t, "Generate", err, nil, "; it refuses CKA_EXTRACTABLE false")
	wantObjects(t, bare, [4]int{})
}

// TestNoAttributeIsFatal: what an object does not tell in whatever way is missing, and what is only
// shown ends nothing.
func TestNoAttributeIsFatal(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, attribute := range map[string]string{
		"curve": "0x180", "sensitive": "0x103", "never extractable": "0x164", "always authenticate": "0x202",
		"sign": "0x108", "label": "0x3", "modulus": "0x120", "category": "0x87", "token": "0x1",
	} {
		for _, rv := range []string{"0", "0x5", "0x6", "0x7", "0x11", "0x12", "0x54"} {
			t.Run(name+" "+rv, func(t *testing.T) {
				token := newLogin(t).Behind(t, library, "noattribute="+attribute, "noattributerv="+rv)
				options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
				tokens, err := hsm.List(t.Context(), token.Address(t), options)
				if err != nil || len(tokens) != 1 || len(tokens[0].Keys) != 1 || tokens[0].Err != nil || tokens[0].Keys[0].Problem != nil {
					t.Errorf("listed %+v, %v", tokens, err)
				}
				if err := openAndSign(t.Context(), token, t, options); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestCurvesOfCurvesOnly: an RSA key is not asked for its curve, an EC key is.
func TestCurvesOfCurvesOnly(t *testing.T) {
	library, m := hsmtest.BuildShim(t), newMaterial(t)
	bare := hsmtest.NewToken(t)
	bare.Put(t, hsmtest.Named("login", 7).Private(m.a), hsmtest.Named("curve", 8).Private(m.ec))
	token := bare.Behind(t, library)
	tokens, err := hsm.List(t.Context(), token.Address(t), hsm.Options{PIN: (&pins{pin: token.PIN}).ask})
	if err != nil || len(tokens) != 1 || len(tokens[0].Keys) != 2 {
		t.Fatalf("listed %+v, %v", tokens, err)
	}
	for _, key := range tokens[0].Keys {
		if want := map[string]string{"login": "RSA 2048", "curve": "EC P-256"}[key.Label]; key.Type != want {
			t.Errorf("%s is %s, want %s", key.Label, key.Type, want)
		}
	}
	if n := token.Calls(t, "CKA_EC_PARAMS"); n != 2 { // for its length, and for its value
		t.Errorf("EC_PARAMS was asked for %d times, want those of one key", n)
	}
}

// TestTokenThatDoesNotKeepCertificates: what a token says for good is told from what may pass.
func TestTokenThatDoesNotKeepCertificates(t *testing.T) {
	library, bare, a := hsmtest.BuildShim(t), hsmtest.NewToken(t), hsmtest.RSAKey(t, "a")
	name := hsmtest.Named("login", 7)
	bare.Put(t, name.Private(a), name.Public(&a.PublicKey))
	for order, final := range map[string]bool{
		"nocreate1=0x13": true, "nocreate1=0x54": true, "nocreate1=0x31": true, "nocreate1=0x103": true, // refused, unknown, full, for others
		"setflags=0x2": true, "roonly": true,
		"nocreate1=0x5": false, "nocreate1=0x30": false, "nocreate1=0x32": false, "nocreate1=0x50": false, // failed, pulled, cancelled
	} {
		t.Run(order, func(t *testing.T) {
			token := bare.Behind(t, library, order)
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
			stored, err := hsm.StoreCertificate(t.Context(), token.Address(t, ";object=login"), hsmtest.Certify(t, a), options)
			if stored || err == nil || errors.Is(err, hardware.ErrNotKept) != final {
				t.Errorf("stored: %v, %v; final: want %v", stored, err, final)
			}
		})
	}
	wantObjects(t, bare, [4]int{1, 1})
}
