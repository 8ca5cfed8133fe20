//go:build cgo && linux

package hsm_test

import (
	"crypto/x509"
	"slices"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// TestStoreChain: CAs get names of their own, so that the key's certificate is found as before
// and every address still leads to the same key.
func TestStoreChain(t *testing.T) {
	token := newLogin(t)
	a := hsmtest.RSAKey(t, "a")
	options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
	chain, _ := newChain(t, a)
	twice := append(slices.Clone(chain), chain[0])
	stored, err := hsm.StoreChain(t.Context(), token.Address(t, ";object=login"), twice, options)
	if stored != 2 || err != nil {
		t.Fatalf("%d stored, %v", stored, err)
	}
	if got := labels(t, token, pkcs11.CKO_CERTIFICATE); !slices.Equal(got, []string{"Issuer", "Root", "login"}) {
		t.Errorf("certificates %q", got)
	}
	wantAuthority(t, token, chain[0])
	key := mustSign(t, token.Address(t, ";object=login"), options, &a.PublicKey)
	if len(key.PassedOver()) > 0 {
		t.Errorf("passed over %+v", key.PassedOver())
	}
	key.Close()

	longer := append(slices.Clone(chain), hsmtest.Certify(t, hsmtest.RSAKey(t, "b"), hsmtest.Subject("Root"), isCA))
	if stored, err := hsm.StoreChain(t.Context(), token.Address(t), longer, options); stored != 1 || err != nil {
		t.Errorf("another one of the same subject: %d stored, %v", stored, err)
	}
}

func isCA(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }

// wantAuthority checks the object of a CA's certificate.
func wantAuthority(t *testing.T, token *hsmtest.Token, certificate *x509.Certificate) {
	t.Helper()
	token.InSession(t, func(p *pkcs11.Ctx, session pkcs11.SessionHandle) {
		p.FindObjectsInit(session, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE), pkcs11.NewAttribute(pkcs11.CKA_VALUE, certificate.Raw),
			pkcs11.NewAttribute(pkcs11.CKA_CERTIFICATE_CATEGORY, 2), pkcs11.NewAttribute(pkcs11.CKA_ID, certificate.SubjectKeyId),
			pkcs11.NewAttribute(pkcs11.CKA_TRUSTED, false), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, false),
		})
		handles, _, err := p.FindObjects(session, 2)
		if err != nil || len(handles) != 1 {
			t.Errorf("%d such certificates, %v", len(handles), err)
		}
	})
}

func TestStoreChainRefuses(t *testing.T) {
	token := newLogin(t)
	pin := &pins{pin: token.PIN}
	chain, leaf := newChain(t, hsmtest.RSAKey(t, "a"))
	for name, c := range map[string]struct {
		more  string
		chain []*x509.Certificate
		want  error
		says  string
	}{
		"a leaf":   {"", append(slices.Clone(chain), leaf), nil, "certificate 3 of the chain: CN=integration@example.com is not a CA"},
		"a hole":   {"", []*x509.Certificate{nil}, nil, "certificate 1 of the chain: it is missing"},
		"no token": {"x", chain, hsm.ErrNoToken, "there are:"},
	} {
		stored, err := hsm.StoreChain(t.Context(), token.Address(t, c.more), c.chain, hsm.Options{PIN: pin.ask})
		wantError(t, name, err, c.want, c.says)
		if stored != 0 {
			t.Errorf("%s: %d stored", name, stored)
		}
	}
	if stored, err := hsm.StoreChain(t.Context(), token.Address(t), nil, hsm.Options{PIN: pin.ask}); stored != 0 || err != nil {
		t.Errorf("no chain: %d, %v", stored, err)
	}
	if len(pin.requests) > 0 || token.Count(t, pkcs11.CKO_CERTIFICATE) != 1 {
		t.Errorf("asked %d times; something was stored", len(pin.requests))
	}
}

// TestStoreChainFaults: what is stored before a failure is counted, and the rest comes
// with the next call.
func TestStoreChainFaults(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, c := range map[string]struct {
		order  string
		stored int
		says   string
	}{
		"no memory":        {"C_CreateObject@1=0x31", 0, "storing the CA's certificate: the token has no memory left (CKR_DEVICE_MEMORY)"},
		"full after half":  {"C_CreateObject@2=0x31", 1, "CN=Root: token"},
		"no category":      {"C_CreateObject@1=0x12;C_CreateObject@3=0x13", 2, ""},
		"nothing at all":   {"C_CreateObject=0x12", 0, "lacks an attribute"},
		"search breaks":    {"C_FindObjectsInit@2=0x30", 1, "searching the token"},
		"not read":         {"C_GetAttributeValue=0x32", 2, ""}, // none of the subject is there to be read
		"write-protected":  {"setflags=0x2", 0, "write-protected"},
		"PIN pad":          {"pinpad", 2, ""},
		"wrong PIN":        {"C_Login=0xA0", 0, "the PIN is wrong"},
		"one session only": {"maxrw=1", 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bare := hsmtest.NewToken(t)
			chain, _ := newChain(t, hsmtest.RSAKey(t, "a"))
			token := bare.Behind(t, library, c.order)
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
			stored, err := hsm.StoreChain(t.Context(), token.Address(t), chain, options)
			if c.says != "" {
				wantError(t, name, err, nil, c.says)
			} else if err != nil {
				t.Error(err)
			}
			if stored != c.stored {
				t.Errorf("%d stored, want %d", stored, c.stored)
			}
			again, err := hsm.StoreChain(t.Context(), bare.Address(t), chain, options)
			if again != 2-c.stored || err != nil || bare.Count(t, pkcs11.CKO_CERTIFICATE) != 2 {
				t.Errorf("%d stored again, %v", again, err)
			}
		})
	}
}

// TestStoreChainTPM: TPMs store certificates of CAs, too.
func TestStoreChainTPM(t *testing.T) {
	token := hsmtest.NewTPMToken(t)
	options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
	chain, _ := newChain(t, hsmtest.RSAKey(t, "a"))
	for _, want := range []int{2, 0} {
		if stored, err := hsm.StoreChain(t.Context(), token.Address(t), chain, options); stored != want || err != nil {
			t.Errorf("%d stored, %v; want %d", stored, err, want)
		}
	}
	tokens, err := hsm.List(t.Context(), token.Address(t), options)
	if err != nil || len(tokens) != 1 || len(tokens[0].Certificates) != 2 {
		t.Errorf("listed %+v, %v", tokens, err)
	}
}
