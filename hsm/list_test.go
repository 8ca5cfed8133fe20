//go:build cgo && unix

package hsm_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// summary writes a token as a line for each thing on it.
func summary(token hsm.Token) []string {
	lines := []string{fmt.Sprintf("token %s: logged in %v, error %v", token.Label, token.LoggedIn, token.Err)}
	for _, k := range token.Keys {
		certificate := "-"
		if k.Certificate != nil {
			certificate = k.Certificate.Subject.CommonName
		}
		lines = append(lines, fmt.Sprintf("key %s %s: %s, passed over %d, problem %v", k.Label, k.Type, certificate, len(k.PassedOver), k.Problem))
	}
	for _, c := range token.Certificates {
		lines = append(lines, fmt.Sprintf("certificate %s: %s", c.Label, c.Note))
	}
	slices.Sort(lines)
	return lines
}

// newMixture returns a token with something of everything.
func newMixture(t *testing.T) *hsmtest.Token {
	m := newMaterial(t)
	token := hsmtest.NewToken(t)
	one := hsmtest.Named("login", 1)
	objects := append(one.Pair(m.a, m.certA), hsmtest.Named("old", 1).Certificate(m.expired))
	objects = append(objects,
		hsmtest.Named("short", 2).Private(m.short), hsmtest.Named("curve", 3).Private(m.ec), hsmtest.Named("edwards", 4).Private(m.ed),
		hsmtest.Named("stranger", 5).Certificate(m.certB),
		hsmtest.Named("junk", 6).Certificate(m.certB).With(pkcs11.CKA_VALUE, []byte("junk")),
	)
	token.Put(t, objects...)
	return token
}

func TestList(t *testing.T) {
	token := newMixture(t)
	pin := &pins{pin: token.PIN}
	for name, c := range map[string]struct {
		ask  hardware.PINFunc
		more string
		want []string
	}{
		"without login": {want: []string{
			"certificate junk: it is not an X.509 certificate that can be read: it is not built like a certificate",
			"certificate login: ",
			"certificate old: expired",
			"certificate stranger: its key is not seen without a login",
			"key login RSA 2048: integration@example.com, passed over 1, problem <nil>",
			"token test: logged in false, error <nil>",
		}},
		"logged in": {ask: pin.ask, want: []string{
			"certificate junk: it is not an X.509 certificate that can be read: it is not built like a certificate",
			"certificate login: ",
			"certificate old: expired",
			"certificate stranger: its key is not on this token",
			"key curve EC P-256: -, passed over 0, problem the key cannot log in: it is EC, and a login by SHA512withRSA needs RSA",
			"key edwards Ed25519: -, passed over 0, problem the key cannot log in: it is Ed25519 or Ed448, and a login by SHA512withRSA needs RSA",
			"key login RSA 2048: integration@example.com, passed over 1, problem <nil>",
			"key short RSA 1024: -, passed over 0, problem the key cannot log in: it is RSA 1024, and a login needs 2048 bits or more",
			"token test: logged in true, error <nil>",
		}},
		"one key": {ask: pin.ask, more: ";object=short", want: []string{
			"key short RSA 1024: -, passed over 0, problem the key cannot log in: it is RSA 1024, and a login needs 2048 bits or more",
			"token test: logged in true, error <nil>",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			tokens, err := hsm.List(t.Context(), token.Address(t, c.more), hsm.Options{PIN: c.ask})
			if err != nil || len(tokens) != 1 {
				t.Fatalf("%d tokens, %v", len(tokens), err)
			}
			got := summary(tokens[0])
			for i, line := range got {
				if strings.Contains(line, ": expired ") {
					got[i], _, _ = strings.Cut(line, " 2")
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestListGivenCertificate(t *testing.T) {
	token := newMixture(t)
	given := hsmtest.Certify(t, hsmtest.RSAKey(t, "a"), hsmtest.Subject("given"))
	tokens, err := hsm.List(t.Context(), token.Address(t, ";object=login"), hsm.Options{PIN: (&pins{pin: token.PIN}).ask, Certificate: given})
	if err != nil || len(tokens[0].Keys) != 1 || !tokens[0].Keys[0].Certificate.Equal(given) {
		t.Errorf("List = %+v, %v", tokens, err)
	}
}

// TestListEveryToken lists two tokens: no PIN is asked for, since one PIN fits one
// token only.
func TestListEveryToken(t *testing.T) {
	token := newLogin(t)
	hsmtest.InitToken(t, token.Module, "second")
	pin := &pins{pin: token.PIN}
	tokens, err := hsm.List(t.Context(), token.Address(t).Without("token"), hsm.Options{PIN: pin.ask})
	if err != nil || len(tokens) != 2 || len(pin.requests) != 0 {
		t.Fatalf("%d tokens, %d questions, %v", len(tokens), len(pin.requests), err)
	}
	for _, listed := range tokens {
		again, err := hsm.List(t.Context(), listed.Address, hsm.Options{})
		if err != nil || len(again) != 1 || again[0].Serial != listed.Serial {
			t.Errorf("%s leads to %+v, %v", listed.Address, again, err)
		}
	}
}

// TestListFaults: what fails is said where it belongs, and the rest is listed.
func TestListFaults(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, c := range map[string]struct {
		order string
		pin   string
		says  string
		keys  int
	}{
		"session":               {order: "C_OpenSession=0xB1", says: "(CKR_SESSION_COUNT)"},
		"search":                {order: "C_FindObjectsInit=0x5", says: "(CKR_GENERAL_ERROR)"},
		"search of public":      {order: "C_FindObjectsInit@2=0x5", says: "(CKR_GENERAL_ERROR)"},
		"search of certificate": {order: "C_FindObjectsInit@3=0x5", says: "(CKR_GENERAL_ERROR)"},
		"key":                   {order: "C_GetAttributeValue=0x82", says: "(CKR_OBJECT_HANDLE_INVALID)"},
		"wrong PIN":             {pin: "wrong", says: "(CKR_PIN_INCORRECT)", keys: 1},
		"modulus hidden":        {order: "hidemodulus", keys: 1},
	} {
		t.Run(name, func(t *testing.T) {
			token := newLogin(t).Behind(t, library, c.order)
			pin := &pins{pin: token.PIN}
			if c.pin != "" {
				pin.pin = c.pin
			}
			tokens, err := hsm.List(t.Context(), token.Address(t), hsm.Options{PIN: pin.ask})
			if err != nil || len(tokens) != 1 || len(tokens[0].Keys) != c.keys {
				t.Fatalf("List = %+v, %v", tokens, err)
			}
			if c.says != "" {
				wantError(t, name, tokens[0].Err, nil, c.says)
			}
		})
	}
}

func TestListSlotThatDoesNotAnswer(t *testing.T) {
	token := newLogin(t).Behind(t, hsmtest.BuildShim(t), "badslot")
	tokens, err := hsm.List(t.Context(), token.Address(t).Without("token"), hsm.Options{})
	if err != nil || len(tokens) != 2 {
		t.Fatalf("%d tokens, %v", len(tokens), err)
	}
	wantError(t, "slot 99", tokens[0].Err, nil, "slot 99")
	_, err = hsm.Open(t.Context(), token.Address(t, "x"), hsm.Options{})
	wantError(t, "Open", err, hsm.ErrNoToken, "slot 99")
}

func TestListHang(t *testing.T) {
	token := newLogin(t).Behind(t, hsmtest.BuildShim(t), "C_FindObjects@1=hang")
	waitForModule(t)
	_, err := hsm.List(token.Hung(t), token.Address(t), hsm.Options{})
	wantError(t, "List", err, context.DeadlineExceeded, "did not answer")
	if _, err := hsm.CertificateRequest(canceled(t), token.Address(t), hsm.Options{}, request); !errors.Is(err, context.Canceled) {
		t.Errorf("CertificateRequest: %v", err)
	}
	token.Release(t)
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
