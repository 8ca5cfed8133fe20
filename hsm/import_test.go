//go:build cgo && linux

package hsm_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// noPlainKeys has the shim refuse the first object of each start, as HSMs do with private
// keys in the clear.
const noPlainKeys = "C_CreateObject@1=0xD1"

// TestImportModules imports into every module that there is. What one cannot do it must
// say in words, and leave nothing behind.
func TestImportModules(t *testing.T) {
	library := hsmtest.BuildShim(t)
	strict := func(token *hsmtest.Token) *hsmtest.Token { return token.Behind(t, library, noPlainKeys).Token }
	for name, c := range map[string]struct {
		token     func(t *testing.T) *hsmtest.Token
		namespace bool // it must have its own
		strict    bool // behind the shim
		says      []string
	}{
		"SoftHSM":      {token: func(t *testing.T) *hsmtest.Token { return hsmtest.NewToken(t) }},
		"p11-kit":      {token: func(t *testing.T) *hsmtest.Token { return hsmtest.NewToken(t).P11Kit(t, "") }},
		"openCryptoki": {token: func(t *testing.T) *hsmtest.Token { return hsmtest.NewOpenCryptokiToken(t) }, namespace: true},
		"NSS":          {token: func(t *testing.T) *hsmtest.Token { return hsmtest.NewNSSToken(t) }},
		"openCryptoki, wrapped": {token: func(t *testing.T) *hsmtest.Token { return hsmtest.NewOpenCryptokiToken(t) },
			namespace: true, strict: true},
		"NSS, wrapped": {token: func(t *testing.T) *hsmtest.Token { return hsmtest.NewNSSToken(t) }, strict: true},

		// SoftHSM 2.6 encrypts by CKM_AES_CBC_PAD and unwraps by CKM_AES_KEY_WRAP_PAD, and
		// neither both.
		"SoftHSM, wrapped": {token: func(t *testing.T) *hsmtest.Token { return hsmtest.NewToken(t) }, strict: true,
			says: []string{"storing the private key: the token does not take these attributes together (CKR_TEMPLATE_INCONSISTENT)", "unwrapping it there: the token does not know the mechanism (CKR_MECHANISM_INVALID)"}},
		"TPM": {token: func(t *testing.T) *hsmtest.Token { return hsmtest.NewTPMToken(t) },
			says: []string{"storing the private key", "unwrapping it there: the module cannot do this at all (CKR_FUNCTION_NOT_SUPPORTED)", "tpm2_ptool import does it"}},
		"PIV card": {token: func(t *testing.T) *hsmtest.Token {
			address, _ := newCard(t, pivtest.Options{})
			module, _ := address.Get("module-path")
			return &hsmtest.Token{Module: module, Label: "integration@example.com", PIN: "123456"}
		}, says: []string{"the module cannot do this at all (CKR_FUNCTION_NOT_SUPPORTED)"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.namespace && !hsmtest.InNamespace(t, "opencryptoki") {
				return
			}
			bare := c.token(t)
			token := bare
			if c.strict {
				token = strict(bare)
			}
			if c.says != nil {
				importFails(t, token, bare, c.says)
				return
			}
			imports(t, token, bare)
		})
	}
}

// importFails imports into a token that does not take the key.
func importFails(t *testing.T, token, bare *hsmtest.Token, says []string) {
	t.Helper()
	before := objects(t, bare)
	pin := &pins{pin: token.PIN}
	_, err := hsm.Import(t.Context(), token.Address(t, ";object=imported"), hsmtest.RSAKey(t, "c"), hsm.Options{PIN: pin.ask})
	for _, text := range append(says, `token "`+token.Label) {
		wantError(t, "Import", err, hsm.ErrNoImport, text)
	}
	if hsm.Transient(err) {
		t.Errorf("%v is taken for something that passes", err)
	}
	if len(pin.requests) != 1 {
		t.Errorf("the PIN was asked for %d times", len(pin.requests))
	}
	wantObjects(t, bare, before)
}

// imports takes a key all the way: in, to a login, and out again.
func imports(t *testing.T, token, bare *hsmtest.Token) {
	t.Helper()
	a := hsmtest.RSAKey(t, "a")
	pin := &pins{pin: token.PIN}
	options := hsm.Options{PIN: pin.ask}
	address := token.Address(t, ";object=imported")
	info, err := hsm.Import(t.Context(), address, a, options)
	if err != nil {
		t.Fatal(err)
	}
	if len(pin.requests) != 1 {
		t.Errorf("the PIN was asked for %d times", len(pin.requests))
	}
	wantInfo(t, info, a)
	wantKept(t, bare)
	wantObjects(t, bare, [4]int{1, 1, 0, 0})
	_, err = hsm.Import(t.Context(), address, hsmtest.RSAKey(t, "b"), options)
	wantError(t, "another key of the name", err, hardware.ErrKeyExists, "object=imported")
	_, err = hsm.Import(t.Context(), token.Address(t, ";object=other"), a, options)
	wantError(t, "the same key under another name", err, hardware.ErrKeyExists, "object=imported")

	chain, leaf := newChain(t, a)
	for _, want := range []int{2, 0} {
		if stored, err := hsm.StoreChain(t.Context(), address, chain, options); stored != want || err != nil {
			t.Errorf("%d certificates stored, %v; want %d", stored, err, want)
		}
	}
	bare.Put(t, hsmtest.Name{Label: "imported", ID: info.ID}.Certificate(leaf))
	if key := mustSign(t, info.Address, options, &a.PublicKey); !key.Certificate().Equal(leaf) {
		t.Error("it signs with another certificate")
	} else if err := key.Close(); err != nil {
		t.Error(err)
	}
	deleted, err := hsm.Delete(t.Context(), address, options)
	if err != nil || len(deleted) != 3 {
		t.Errorf("deleted %q, %v", deleted, err)
	}
	wantObjects(t, bare, [4]int{0, 0, 2, 0})
	_, err = hsm.Delete(t.Context(), address, options)
	wantError(t, "deleting it again", err, hardware.ErrNoKey, "object=imported")
}

// wantInfo checks what Import says of the key a.
func wantInfo(t *testing.T, info hsm.KeyInfo, key *rsa.PrivateKey) {
	t.Helper()
	if info.Label != "imported" || info.Type != "RSA 2048" || !key.PublicKey.Equal(info.Public) || info.NeverExtractable || len(info.ID) != 20 {
		t.Errorf("imported as %+v", info)
	}
	if info.Problem != hardware.ErrNoCertificate {
		t.Errorf("problem %v", info.Problem)
	}
	if !strings.Contains(info.Address.String(), ";object=imported?") {
		t.Errorf("address %s", info.Address)
	}
}

// wantKept asks the module itself whether it keeps the one private key there is.
func wantKept(t *testing.T, token *hsmtest.Token) {
	t.Helper()
	want := map[uint]byte{
		pkcs11.CKA_TOKEN: 1, pkcs11.CKA_PRIVATE: 1, pkcs11.CKA_SENSITIVE: 1, pkcs11.CKA_EXTRACTABLE: 0,
		pkcs11.CKA_SIGN: 1, pkcs11.CKA_DECRYPT: 0, pkcs11.CKA_UNWRAP: 0,
	}
	token.InSession(t, func(p *pkcs11.Ctx, session pkcs11.SessionHandle) {
		p.FindObjectsInit(session, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)})
		keys, _, err := p.FindObjects(session, 1)
		p.FindObjectsFinal(session)
		if err != nil || len(keys) != 1 {
			t.Fatalf("keys %v, %v", keys, err)
		}
		for kind, value := range want {
			got, err := p.GetAttributeValue(session, keys[0], []*pkcs11.Attribute{pkcs11.NewAttribute(kind, nil)})
			if err != nil || !bytes.Equal(got[0].Value, []byte{value}) {
				t.Errorf("attribute 0x%x is %v (%v), want %d", kind, got, err, value)
			}
		}
		for _, kind := range []uint{pkcs11.CKA_PRIVATE_EXPONENT, pkcs11.CKA_PRIME_1, pkcs11.CKA_COEFFICIENT} {
			got, err := p.GetAttributeValue(session, keys[0], []*pkcs11.Attribute{pkcs11.NewAttribute(kind, nil)})
			if err == nil && len(got[0].Value) > 0 {
				t.Errorf("attribute 0x%x of the private key can be read", kind)
			}
		}
	})
}

// newChain returns the CAs of a leaf of the key, and the leaf.
func newChain(t *testing.T, key *rsa.PrivateKey) (chain []*x509.Certificate, leaf *x509.Certificate) {
	t.Helper()
	authority, root := hsmtest.RSAKey(t, "c"), hsmtest.RSAKey(t, "b")
	rootCertificate := hsmtest.Certify(t, root, hsmtest.Subject("Root"), isCA)
	issuer := hsmtest.Issue(t, authority.Public(), root, rootCertificate, hsmtest.Subject("Issuer"), isCA)
	return []*x509.Certificate{issuer, rootCertificate}, hsmtest.Issue(t, key.Public(), authority, issuer)
}

func TestImportFaults(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, c := range map[string]struct {
		order     string
		want      error
		says      string // "": it succeeds
		transient bool
		asked     int
	}{
		"one read/write session":   {order: "maxrw=1", asked: 1},
		"PIN pad":                  {order: "pinpad", asked: 1},
		"token hashes itself":      {order: "nomechanism=0x1", asked: 1},
		"modulus hidden":           {order: "hidemodulus", asked: 1},
		"write-protected":          {order: "setflags=0x2", says: "write-protected"},
		"no session":               {order: "C_OpenSession=0xB1", says: "other programs hold them all", transient: true},
		"token is full":            {order: "C_CreateObject@1=0x31", says: "storing the private key: the token has no memory left (CKR_DEVICE_MEMORY)", transient: true, asked: 1},
		"full after half":          {order: "C_CreateObject@2=0x31", says: "storing the public key: the token has no memory left (CKR_DEVICE_MEMORY)", transient: true, asked: 1},
		"not read back":            {order: "C_GetAttributeValue@1=0x32", says: "reading a key: the token was removed", transient: true, asked: 1},
		"attributes not read back": {order: "C_GetAttributeValue@3=0x32", says: "reading the key back: the token was removed", transient: true, asked: 1},
		"wrong signature":          {order: "badsign", want: hardware.ErrBadSignature, says: "the key was stored, but", asked: 1},
		"no signature":             {order: "C_Sign=0x32", says: "signing: the token was removed", transient: true, asked: 1},
		"no mechanism":             {order: "C_SignInit=0x70", says: "does not know the mechanism", asked: 1},
		"wrong PIN":                {order: "C_Login=0xA0", says: "the PIN is wrong (CKR_PIN_INCORRECT)", asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bare := hsmtest.NewToken(t)
			token := bare.Behind(t, library, c.order)
			pin := &pins{pin: token.PIN}
			_, err := hsm.Import(t.Context(), token.Address(t, ";object=imported"), hsmtest.RSAKey(t, "a"), hsm.Options{PIN: pin.ask})
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				wantObjects(t, bare, [4]int{1, 1, 0, 0})
			} else {
				wantError(t, name, err, c.want, c.says)
				wantObjects(t, bare, [4]int{})
			}
			if hsm.Transient(err) != c.transient {
				t.Errorf("Transient(%v) = %v", err, !c.transient)
			}
			if len(pin.requests) != c.asked {
				t.Errorf("the PIN was asked for %d times, want %d", len(pin.requests), c.asked)
			}
			for _, returned := range pin.returned {
				if len(bytes.Trim(returned, "\x00")) > 0 {
					t.Error("a PIN was not overwritten")
				}
			}
		})
	}
}

// TestImportAfterTheEnd: a caller that gave up gets no key behind its back, however late
// the module answers.
func TestImportAfterTheEnd(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for doing, order := range map[string]string{
		"storing the private key": "C_CreateObject@1=hang",
		"storing the public key":  "C_CreateObject@2=hang",
		// The module's answer to this does not matter, so only the end of the caller's time
		// speaks against the key.
		"reading the key back": "C_GetAttributeValue@5=hang",
	} {
		t.Run(doing, func(t *testing.T) {
			bare := hsmtest.NewToken(t)
			t.Run("hangs", func(t *testing.T) { // and ends when no goroutine is left
				token := bare.Behind(t, library, order)
				waitForModule(t)
				_, err := hsm.Import(token.Hung(t), token.Address(t, ";object=imported"), hsmtest.RSAKey(t, "a"), hsm.Options{PIN: (&pins{pin: token.PIN}).ask})
				wantError(t, "Import", err, context.DeadlineExceeded, "did not answer while "+doing)
				token.Release(t)
			})
			wantObjects(t, bare, [4]int{})
		})
	}
}

func TestImportRefuses(t *testing.T) {
	token := hsmtest.NewToken(t)
	a, b := hsmtest.RSAKey(t, "a"), hsmtest.RSAKey(t, "b")
	token.Put(t, hsmtest.Named("login", 7).Private(b))
	damaged := *a
	damaged.D, damaged.Precomputed = new(big.Int).Add(a.D, big.NewInt(2)), rsa.PrecomputedValues{}
	three := *a
	three.Primes = append(slices.Clone(a.Primes), big.NewInt(3))
	for name, c := range map[string]struct {
		more string
		key  *rsa.PrivateKey
		want error
		says string
	}{
		"label is there": {";object=login", a, hardware.ErrKeyExists, "object=login?"},
		"id is there":    {";object=other;id=%07", a, hardware.ErrKeyExists, "object=login?"},
		"no name":        {"", a, nil, "add ;object=NAME"},
		"empty name":     {";object=", a, nil, "add ;object=NAME"},
		"no key":         {";object=x", nil, nil, "no private key to import"},
		"public half":    {";object=x", &rsa.PrivateKey{PublicKey: a.PublicKey}, nil, "no private key to import"},
		"half a key":     {";object=x", &rsa.PrivateKey{PublicKey: a.PublicKey, D: a.D}, hardware.ErrUnusableKey, "0 primes"},
		"holes":          {";object=x", &rsa.PrivateKey{PublicKey: a.PublicKey, D: a.D, Primes: []*big.Int{nil, nil}}, nil, "no private key to import"},
		"short":          {";object=x", hsmtest.ShortRSAKey(t), hardware.ErrUnusableKey, "RSA 1024"},
		"damaged":        {";object=x", &damaged, hardware.ErrUnusableKey, "it is damaged"},
		"another's half": {";object=x", &rsa.PrivateKey{PublicKey: b.PublicKey, D: a.D, Primes: a.Primes}, hardware.ErrUnusableKey, "it is damaged"},
		"three primes":   {";object=x", &three, hardware.ErrUnusableKey, "it has 3 primes"},
		"no token":       {"x;object=x", a, hsm.ErrNoToken, "there are:"},
	} {
		t.Run(name, func(t *testing.T) {
			pin := &pins{pin: token.PIN}
			_, err := hsm.Import(t.Context(), token.Address(t, c.more), c.key, hsm.Options{PIN: pin.ask})
			wantError(t, name, err, c.want, c.says)
			if c.key != nil && c.key.D != nil && strings.Contains(err.Error(), fmt.Sprint(c.key.D)) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
	wantObjects(t, token, [4]int{1, 0, 0, 0})
}

// TestImportLeavesTheCallersKey: the key is the caller's, and as good as before. An id of
// the address is the key's.
func TestImportLeavesTheCallersKey(t *testing.T) {
	token := hsmtest.NewToken(t)
	a := hsmtest.RSAKey(t, "a")
	bare := &rsa.PrivateKey{PublicKey: a.PublicKey, D: a.D, Primes: a.Primes} // as some parsers return it
	before := *bare
	options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
	info, err := hsm.Import(t.Context(), token.Address(t, ";object=imported;id=%01%02"), bare, options)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]byte{1, 2}, info.ID); diff != "" {
		t.Errorf("id (-want +got):\n%s", diff)
	}
	if !bare.Equal(&before) || bare.Precomputed.Dp != nil || bare.Validate() != nil {
		t.Error("the caller's key was changed")
	}
	token.Put(t, hsmtest.Named("imported", 1, 2).Certificate(hsmtest.Certify(t, a)))
	mustSign(t, token.Address(t), options, &a.PublicKey)
}
