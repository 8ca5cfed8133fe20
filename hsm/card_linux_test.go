//go:build cgo

package hsm_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

func TestMain(m *testing.M) {
	pivtest.Main()
	m.Run()
}

// newCard returns OpenSC's view of a card in a reader, with a key and certificate in
// slots 9a and 9c: "PIV AUTH key" with id 1 and "SIGN key" with id 2, which asks for
// the PIN each time.
func newCard(t *testing.T, options pivtest.Options) (uri.URI, *pivtest.Card) {
	t.Helper()
	card, err := pivtest.NewCard(options)
	if err != nil {
		t.Fatal(err)
	}
	for slot, name := range map[byte]string{0x9A: "a", 0x9C: "b"} {
		key := hsmtest.RSAKey(t, name)
		if err := card.PutKey(slot, key, pivtest.Policy{}); err != nil {
			t.Fatal(err)
		}
		card.PutCertificate(slot, hsmtest.Certify(t, key))
	}
	module := pivtest.OpenSC(t)
	stack := pivtest.NewStack(t)
	stack.Insert(0, card)
	stack.Use(t)
	return mustParse(t, "pkcs11:?module-path="+module), card
}

// TestOpenSC signs on PIV cards through OpenSC: a YubiKey, and one of another maker,
// which is served in no other way.
func TestOpenSC(t *testing.T) {
	for name, options := range map[string]pivtest.Options{
		"YubiKey":       {},
		"another maker": {Maker: pivtest.OtherMaker},
	} {
		t.Run(name, func(t *testing.T) {
			address, card := newCard(t, options)
			tokens, err := hsm.List(t.Context(), address, hsm.Options{})
			if err != nil || len(tokens) != 1 || tokens[0].Err != nil {
				t.Fatalf("List = %+v, %v", tokens, err)
			}
			pin := &pins{pin: "123456"}
			mustSign(t, address.With("id", "\x01"), hsm.Options{PIN: pin.ask}, &hsmtest.RSAKey(t, "a").PublicKey).Close()
			mustSign(t, address.With("id", "\x02"), hsm.Options{PIN: pin.ask}, &hsmtest.RSAKey(t, "b").PublicKey).Close()

			_, err = hsm.Open(t.Context(), address.With("id", "\x01"), hsm.Options{PIN: (&pins{pin: "111111"}).ask})
			wantError(t, "wrong PIN", err, nil, "the PIN is wrong (CKR_PIN_INCORRECT)")
			if left := card.PINTriesLeft(); left != 2 {
				t.Errorf("%d tries left after one wrong PIN", left)
			}
			// OpenSC makes no keys on PIV cards; their makers' programs do.
			_, err = hsm.Generate(t.Context(), address.With("object", "new"), hsm.KeySpec{Bits: 2048}, hsm.Options{PIN: pin.ask})
			wantError(t, "Generate", err, hsm.ErrNotMade, "the module cannot do this at all (CKR_FUNCTION_NOT_SUPPORTED)")
			if refused, ok := errors.AsType[*hsm.RefusalError](err); !ok || refused.Manufacturer != "piv_II" {
				t.Errorf("refused: %+v", refused)
			}
			_, err = hsm.Import(t.Context(), address.With("object", "new"), hsmtest.RSAKey(t, "c"), hsm.Options{PIN: pin.ask})
			wantError(t, "Import", err, hsm.ErrNoImport, "the module cannot do this at all (CKR_FUNCTION_NOT_SUPPORTED)")
			_, err = hsm.StoreCertificate(t.Context(), address.With("id", "\x01"), hsmtest.Certify(t, hsmtest.RSAKey(t, "a")), hsm.Options{PIN: pin.ask})
			wantError(t, "StoreCertificate", err, hardware.ErrNotKept, "the module cannot do this at all (CKR_FUNCTION_NOT_SUPPORTED)")
		})
	}
}

// TestNoSmartcardService: OpenSC shows nothing where the service is away, and does not say so.
func TestNoSmartcardService(t *testing.T) {
	t.Setenv("PCSCLITE_CSOCK_NAME", filepath.Join(t.TempDir(), "no-pcscd"))
	_, err := hsm.Open(t.Context(), uri.URI{}.With("module-path", pivtest.OpenSC(t)), hsm.Options{})
	wantError(t, "Open", err, hsm.ErrNoToken, "does the smartcard service run? sudo systemctl start pcscd.socket")
}

// TestServiceAway: modules that reach cards by the smartcard service have one hint where it is away,
// whatever they answer.
func TestServiceAway(t *testing.T) {
	ykcs11 := hsmtest.Library(t, "opensc", "/usr/lib/x86_64-linux-gnu/libykcs11.so.2", "/usr/lib/aarch64-linux-gnu/libykcs11.so.2", "/usr/lib64/libykcs11.so.2")
	t.Setenv("PCSCLITE_CSOCK_NAME", filepath.Join(t.TempDir(), "no-pcscd"))
	for module, sentinel := range map[string]error{pivtest.OpenSC(t): hsm.ErrNoToken, ykcs11: hsm.ErrModule} {
		_, err := hsm.List(t.Context(), uri.URI{}.With("module-path", module), hsm.Options{})
		wantError(t, "List", err, sentinel, "does the smartcard service run? sudo systemctl start pcscd.socket")
	}
}
