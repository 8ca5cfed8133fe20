//go:build cgo && unix

package hsm_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// request is what the tests ask a certificate for.
var request = &x509.CertificateRequest{
	Subject:        pkix.Name{CommonName: "integration@example.com"},
	EmailAddresses: []string{"integration@example.com"},
	// A caller that asks for SHA-512 does not get it.
	SignatureAlgorithm: x509.SHA512WithRSA,
}

// enroll makes a key, asks for a certificate and stores it, as a person would; it
// returns the full address of the key.
func enroll(t *testing.T, address uri.URI, options hsm.Options) (uri.URI, *x509.Certificate) {
	t.Helper()
	made, err := hsm.Generate(t.Context(), address, hsm.KeySpec{Bits: 2048}, options)
	if err != nil {
		t.Fatal(err)
	}
	der, err := hsm.CertificateRequest(t.Context(), made.Address, options, request)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	if csr.SignatureAlgorithm != x509.SHA256WithRSA {
		t.Errorf("the request is signed with %v, and that could be a login", csr.SignatureAlgorithm)
	}
	if !made.Public.(*rsa.PublicKey).Equal(csr.PublicKey) {
		t.Error("the request is for another key than was made")
	}
	certificate := hsmtest.Issue(t, csr.PublicKey, hsmtest.RSAKey(t, "c"), nil)
	stored, err := hsm.StoreCertificate(t.Context(), made.Address, certificate, options)
	if err != nil || !stored {
		t.Fatalf("StoreCertificate = %v, %v", stored, err)
	}
	return made.Address, certificate
}

func TestEnroll(t *testing.T) {
	token := hsmtest.NewToken(t)
	pin := &pins{pin: token.PIN}
	options := hsm.Options{PIN: pin.ask}
	address, certificate := enroll(t, token.Address(t, ";object=new"), options)

	key := mustSign(t, token.Address(t, ";object=new"), options, certificate.PublicKey.(*rsa.PublicKey))
	if want := token.Address(t, ";object=new").String(); address.String() != want || key.Address().String() != want {
		t.Errorf("the key is at %s, and Generate said %s, want %s", key.Address(), address, want)
	}
	key.Close()

	tokens, err := hsm.List(t.Context(), token.Address(t), options)
	if err != nil || len(tokens) != 1 || len(tokens[0].Keys) != 1 {
		t.Fatalf("List = %+v, %v", tokens, err)
	}
	listed := tokens[0].Keys[0]
	if listed.Type != "RSA 2048" || !listed.NeverExtractable || listed.Problem != nil || listed.Certificate == nil {
		t.Errorf("listed as %+v", listed)
	}
	wantAttributes(t, token)
}

// wantAttributes checks that the generated key can sign and do nothing else.
func wantAttributes(t *testing.T, token *hsmtest.Token) {
	t.Helper()
	want := map[uint]byte{
		pkcs11.CKA_TOKEN: 1, pkcs11.CKA_PRIVATE: 1, pkcs11.CKA_SENSITIVE: 1, pkcs11.CKA_EXTRACTABLE: 0,
		pkcs11.CKA_SIGN: 1, pkcs11.CKA_DECRYPT: 0, pkcs11.CKA_UNWRAP: 0, pkcs11.CKA_ALWAYS_SENSITIVE: 1,
	}
	token.InSession(t, func(p *pkcs11.Ctx, session pkcs11.SessionHandle) {
		p.FindObjectsInit(session, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)})
		keys, _, err := p.FindObjects(session, 1)
		if err != nil || len(keys) != 1 {
			t.Fatalf("keys %v, %v", keys, err)
		}
		for kind, value := range want {
			got, err := p.GetAttributeValue(session, keys[0], []*pkcs11.Attribute{pkcs11.NewAttribute(kind, nil)})
			if err != nil || !bytes.Equal(got[0].Value, []byte{value}) {
				t.Errorf("attribute 0x%x is %v, want %d", kind, got, value)
			}
		}
	})
}

func TestStoreCertificateTwice(t *testing.T) {
	token := hsmtest.NewToken(t)
	a := hsmtest.RSAKey(t, "a")
	old := hsmtest.Certify(t, a, hsmtest.Valid(-10, 10))
	token.Put(t, hsmtest.Named("login", 7).Pair(a, old)...)
	options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
	renewed := hsmtest.Certify(t, a)
	for i, want := range []bool{true, false} {
		stored, err := hsm.StoreCertificate(t.Context(), token.Address(t, ";object=login"), renewed, options)
		if err != nil || stored != want {
			t.Errorf("call %d: stored %v, %v; want %v", i, stored, err, want)
		}
	}
	if n := token.Count(t, pkcs11.CKO_CERTIFICATE); n != 2 {
		t.Errorf("%d certificates, want the old one and the renewed", n)
	}
	if key := mustSign(t, token.Address(t), options, &a.PublicKey); !key.Certificate().Equal(renewed) {
		t.Error("the old certificate is still in use")
	}
}

func TestEnrollRefuses(t *testing.T) {
	token := hsmtest.NewToken(t)
	a, b := hsmtest.RSAKey(t, "a"), hsmtest.RSAKey(t, "b")
	token.Put(t, hsmtest.Named("login", 7).Private(a))
	options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
	generate := func(address uri.URI, bits int) error {
		unasked := func() error { t.Errorf("Before was called for %s", address); return nil }
		_, err := hsm.Generate(t.Context(), address, hsm.KeySpec{Bits: bits, Before: unasked}, options)
		return err
	}
	for name, c := range map[string]struct {
		err  error
		want error
		text string
	}{
		"label is there": {generate(token.Address(t, ";object=login"), 2048), hardware.ErrKeyExists, "object=login"},
		"id is there":    {generate(token.Address(t, ";object=other;id=%07"), 2048), hardware.ErrKeyExists, "object=login?"},
		"no name":        {generate(token.Address(t), 2048), nil, "add ;object=NAME"},
		"odd size":       {generate(token.Address(t, ";object=x"), 1024), nil, "2048, 3072 or 4096"},
		"no token":       {generate(token.Through(token.Module).Address(t, "x;object=x"), 2048), hsm.ErrNoToken, "there are:"},
	} {
		wantError(t, name, c.err, c.want, c.text)
	}
	_, err := hsm.StoreCertificate(t.Context(), token.Address(t, ";object=login"), hsmtest.Certify(t, b), options)
	wantError(t, "another key's certificate", err, hardware.ErrCertificateMismatch, "")
	_, err = hsm.StoreCertificate(t.Context(), token.Address(t, ";object=login"), nil, options)
	wantError(t, "no certificate", err, hardware.ErrNoCertificate, "object=login")
	if der, err := hsm.CertificateRequest(t.Context(), token.Address(t, ";object=login"), options, nil); err != nil || len(der) == 0 {
		t.Errorf("a request without a template: %v", err)
	}
	if n := token.Count(t, pkcs11.CKO_PRIVATE_KEY); n != 1 {
		t.Errorf("%d private keys, want the one that was there", n)
	}
}

func TestEnrollOnOddTokens(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, c := range map[string]struct {
		order string
		says  string
		want  error
	}{
		"PIN pad":                     {order: "pinpad"},
		"write-protected":             {order: "setflags=0x2", says: "write-protected"},
		"no generation":               {order: "C_GenerateKeyPair=0x70", says: "generating the key: the token does not know the mechanism (CKR_MECHANISM_INVALID)"},
		"token is full":               {order: "C_GenerateKeyPair=0x31", says: "no memory left (CKR_DEVICE_MEMORY)"},
		"PIN refused the second time": {order: "C_Login@1=0;C_OpenSession=0;C_GenerateKeyPair=0xA3", says: "must be changed first (CKR_PIN_EXPIRED)"},
	} {
		t.Run(name, func(t *testing.T) {
			token := hsmtest.NewToken(t).Behind(t, library, c.order)
			pin := &pins{pin: token.PIN}
			_, err := hsm.Generate(t.Context(), token.Address(t, ";object=new"), hsm.KeySpec{Bits: 2048}, hsm.Options{PIN: pin.ask})
			if c.says == "" && err != nil {
				t.Error(err)
			}
			if c.says != "" {
				wantError(t, name, err, c.want, c.says)
			}
			for _, returned := range pin.returned {
				if len(bytes.Trim(returned, "\x00")) > 0 {
					t.Error("a PIN was not overwritten")
				}
			}
		})
	}
}

// TestGenerateAfterTheEnd: a caller that gave up gets no key behind its back.
func TestGenerateAfterTheEnd(t *testing.T) {
	token := hsmtest.NewToken(t)
	shim := token.Behind(t, hsmtest.BuildShim(t), "C_CloseSession@1=hang")
	t.Cleanup(func() {
		if n := shim.Calls(t, "C_GenerateKeyPair"); n != 0 {
			t.Errorf("%d keys were made after the end", n)
		}
	})
	waitForModule(t)
	_, err := hsm.Generate(shim.Hung(t), shim.Address(t, ";object=new"), hsm.KeySpec{Bits: 2048}, hsm.Options{PIN: (&pins{pin: token.PIN}).ask})
	wantError(t, "Generate", err, context.DeadlineExceeded, "did not answer")
	shim.Release(t)
}

func TestRequestFaults(t *testing.T) {
	library := hsmtest.BuildShim(t)
	a, b := hsmtest.RSAKey(t, "a"), hsmtest.RSAKey(t, "b")
	name := hsmtest.Named("login", 7)
	for title, c := range map[string]struct {
		order   string
		objects []hsmtest.Object
		want    error
		says    string
	}{
		"signature is wrong":        {"badsign", []hsmtest.Object{name.Private(a)}, hardware.ErrBadSignature, "object=login"},
		"signing fails":             {"C_Sign=0x32", []hsmtest.Object{name.Private(a)}, nil, "the token was removed"},
		"token hashes itself":       {"nomechanism=0x1", []hsmtest.Object{name.Private(a)}, nil, ""},
		"modulus on the public key": {"hidemodulus", []hsmtest.Object{name.Private(a), name.Public(&b.PublicKey), name.Public(&a.PublicKey)}, nil, ""},
		"modulus nowhere":           {"hidemodulus", []hsmtest.Object{name.Private(a), name.Public(&b.PublicKey)}, hardware.ErrUnusableKey, "does not tell its public key"},
		"no key":                    {"", nil, hardware.ErrNoKey, ""},
		"short key":                 {"", []hsmtest.Object{name.Private(hsmtest.ShortRSAKey(t))}, hardware.ErrUnusableKey, "RSA 1024"},
	} {
		t.Run(title, func(t *testing.T) {
			token := hsmtest.NewToken(t)
			token.Put(t, c.objects...)
			shim := token.Behind(t, library, c.order)
			der, err := hsm.CertificateRequest(t.Context(), shim.Address(t, ";object=login"), hsm.Options{PIN: (&pins{pin: token.PIN}).ask}, request)
			if c.want != nil || c.says != "" {
				wantError(t, title, err, c.want, c.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			csr, err := x509.ParseCertificateRequest(der)
			if err != nil || csr.CheckSignature() != nil || !a.PublicKey.Equal(csr.PublicKey) {
				t.Errorf("request %v, %v", csr, err)
			}
		})
	}
}

// TestGenerateBefore: what the caller has to do before there is a key comes before it.
func TestGenerateBefore(t *testing.T) {
	token := hsmtest.NewToken(t)
	address, options := token.Address(t, ";object=login"), hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
	refuse := func() error { return errors.New("no room for notes") }
	_, err := hsm.Generate(t.Context(), address, hsm.KeySpec{Bits: 2048, Before: refuse}, options)
	wantError(t, "Generate", err, nil, "no room for notes")
	wantObjects(t, token, [4]int{})
	called := 0
	if _, err := hsm.Generate(t.Context(), address, hsm.KeySpec{Bits: 2048, Before: func() error { called++; return nil }}, options); err != nil || called != 1 {
		t.Errorf("%v; Before was called %d times", err, called)
	}
}
