//go:build cgo

package piv_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// TestImport goes from a key to a login on each firmware, and looks how the key was proved.
func TestImport(t *testing.T) {
	d := newDesk(t)
	for name, test := range map[string]struct {
		firmware string
		slot     byte
		spec     piv.KeySpec
		bits     int
		options  piv.Options
		signed   bool
		asked    bool
	}{
		"5.7, 9a":                {"5.7.1", 0x9a, piv.KeySpec{}, 2048, piv.Options{}, true, true},
		"5.7, 9c":                {"5.7.1", 0x9c, piv.KeySpec{Bits: 2048}, 2048, piv.Options{}, true, true},
		"5.7, RSA 3072":          {"5.7.1", 0x9d, piv.KeySpec{}, 3072, piv.Options{}, true, true},
		"5.7, no PIN":            {"5.7.1", 0x9e, piv.KeySpec{}, 2048, piv.Options{}, true, false},
		"5.4, retired":           {"5.4.3", 0x82, piv.KeySpec{PIN: piv.PINAlways}, 2048, piv.Options{}, true, true},
		"5.4, once":              {"5.4.3", 0x9c, piv.KeySpec{PIN: piv.PINOnce}, 2048, piv.Options{}, true, true},
		"5.4, letting go":        {"5.4.3", 0x9c, piv.KeySpec{}, 2048, piv.Options{Slow: true}, true, true},
		"5.4, touch":             {"5.4.3", 0x9c, piv.KeySpec{Touch: piv.TouchAlways}, 2048, piv.Options{}, false, false},
		"5.4, cached touch":      {"5.4.3", 0x9a, piv.KeySpec{Touch: piv.TouchCached, PIN: piv.PINNever}, 2048, piv.Options{Unattended: true}, false, false},
		"4.3, 9c":                {"4.3.5", 0x9c, piv.KeySpec{}, 2048, piv.Options{}, true, true},
		"4.3, touch":             {"4.3.5", 0x9a, piv.KeySpec{Touch: piv.TouchAlways}, 2048, piv.Options{}, true, true},
		"4.3, no PIN":            {"4.3.5", 0x9e, piv.KeySpec{}, 2048, piv.Options{}, true, false},
		"4.2, whose own are bad": {"4.2.4", 0x9a, piv.KeySpec{}, 2048, piv.Options{}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: test.firmware, PIN: pin})
			key := testKey(t, "a", test.bits)
			a := &asked{pin: pin}
			test.options.PIN = a.ask
			address := fmt.Sprintf("piv:slot=%x", test.slot)
			got, err := piv.Import(t.Context(), mustParse(t, address), key, test.spec, test.options)
			if err != nil {
				t.Fatal(err)
			}
			wantImported(t, got, key, test.slot)
			if signed := count(card, 0x87) > 2; signed != test.signed { // two are the management key's
				t.Errorf("signed: %v", signed)
			}
			if (len(a.requests) == 1) != test.asked || len(a.requests) > 1 {
				t.Errorf("asked %+v", a.requests)
			}
			a.isForgotten(t)
			d.free(t)
			if got.PIN != piv.PINNever && test.bits == 2048 { // which locked has a signature of
				d.locked(t, test.slot)
			}
			certificate := certify(t, &key.PublicKey, "imported")
			if stored, err := piv.StoreCertificate(t.Context(), mustParse(t, address), certificate, with(pin)); !stored || err != nil {
				t.Fatalf("stored %v, %v", stored, err)
			}
			mustLogin(t, address, with(pin), key)
			_, err = piv.Import(t.Context(), mustParse(t, address), testKey(t, "b", 2048), piv.KeySpec{}, with(pin))
			wantError(t, err, hardware.ErrKeyExists, "CN=imported")
		})
	}
}

// wantImported checks what Import says of a key.
func wantImported(t *testing.T, got piv.KeyInfo, key *rsa.PrivateKey, slot byte) {
	t.Helper()
	if !key.PublicKey.Equal(got.Public) || got.Generated || got.Address.Serial != 12345678 || byte(got.Address.Slot) != slot ||
		got.Problem != hardware.ErrNoCertificate || got.Type != fmt.Sprintf("RSA %d", key.N.BitLen()) {
		t.Errorf("imported %+v", got)
	}
}

// TestImportTells: what is asked for is what the card has, and what List says.
func TestImportTells(t *testing.T) {
	d := newDesk(t)
	d.put(t, pivtest.Options{PIN: pin})
	key := testKey(t, "a", 2048)
	bare := &rsa.PrivateKey{PublicKey: key.PublicKey, D: key.D, Primes: key.Primes} // as some parsers return it
	got, err := piv.Import(t.Context(), mustParse(t, "piv:slot=9e"), bare, piv.KeySpec{PIN: piv.PINOnce, Touch: piv.TouchCached}, piv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if bare.Precomputed.Dp != nil {
		t.Error("the caller's key was changed")
	}
	cards, err := piv.List(t.Context(), mustParse(t, "piv:"), piv.Options{})
	if err != nil || len(cards) != 1 || len(cards[0].Keys) != 1 {
		t.Fatalf("listed %+v, %v", cards, err)
	}
	if diff := cmp.Diff(got, cards[0].Keys[0], cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" {
		t.Errorf("imported and listed differ (-imported +listed):\n%s", diff)
	}
}

// TestImportRefuses: nothing is written where something is in the way.
func TestImportRefuses(t *testing.T) {
	d := newDesk(t)
	a := testKey(t, "a", 2048)
	policy := pivtest.Policy{PIN: once, Touch: touchNever}
	damaged := &rsa.PrivateKey{PublicKey: a.PublicKey, D: new(big.Int).Add(a.D, big.NewInt(2)), Primes: a.Primes}
	exponent := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: a.N, E: 3}, D: a.D, Primes: a.Primes}
	three := &rsa.PrivateKey{PublicKey: a.PublicKey, D: a.D, Primes: append(slices.Clone(a.Primes), big.NewInt(3))}
	uneven := &rsa.PrivateKey{PublicKey: a.PublicKey, D: a.D, Primes: []*big.Int{a.N, big.NewInt(1)}}
	for name, test := range map[string]struct {
		firmware string
		put      func(*pivtest.Card)
		address  string
		key      *rsa.PrivateKey
		spec     piv.KeySpec
		options  piv.Options
		want     error
		words    string
	}{
		"no slot":         {"5.4.3", nil, "piv:", a, piv.KeySpec{}, piv.Options{}, nil, "add ;slot=9c"},
		"no key":          {"5.4.3", nil, "piv:slot=9c", nil, piv.KeySpec{}, piv.Options{}, nil, "no private key to import"},
		"public half":     {"5.4.3", nil, "piv:slot=9c", &rsa.PrivateKey{PublicKey: a.PublicKey}, piv.KeySpec{}, piv.Options{}, nil, "no private key to import"},
		"short":           {"5.4.3", nil, "piv:slot=9c", testKey(t, "short", 1024), piv.KeySpec{}, piv.Options{}, hardware.ErrUnusableKey, "it is RSA 1024"},
		"odd":             {"5.7.1", nil, "piv:slot=9c", testKey(t, "odd", 2560), piv.KeySpec{}, piv.Options{}, hardware.ErrUnusableKey, "cards have RSA keys of 2048, 3072 or 4096 bits"},
		"other bits":      {"5.7.1", nil, "piv:slot=9c", a, piv.KeySpec{Bits: 3072}, piv.Options{}, nil, "has 2048 bits, and 3072 are asked for"},
		"3072 before 5.7": {"5.4.3", nil, "piv:slot=9c", testKey(t, "a", 3072), piv.KeySpec{}, piv.Options{}, piv.ErrUnsupported, "needs firmware 5.7"},
		"another exponent": {"5.4.3", nil, "piv:slot=9c", exponent, piv.KeySpec{}, piv.Options{}, hardware.ErrUnusableKey,
			"its public exponent is 3, and cards compute with 65537 only"},
		"three primes":   {"5.4.3", nil, "piv:slot=9c", three, piv.KeySpec{}, piv.Options{}, hardware.ErrUnusableKey, "it has 3 primes"},
		"uneven primes":  {"5.4.3", nil, "piv:slot=9c", uneven, piv.KeySpec{}, piv.Options{}, hardware.ErrUnusableKey, "2048 and 1 bits"},
		"damaged":        {"5.4.3", nil, "piv:slot=9c", damaged, piv.KeySpec{}, piv.Options{}, hardware.ErrUnusableKey, "it is damaged"},
		"no such policy": {"5.4.3", nil, "piv:slot=9c", a, piv.KeySpec{PIN: "seldom"}, piv.Options{}, nil, "not \"seldom\""},
		"a key":          {"5.4.3", func(c *pivtest.Card) { c.PutKey(0x9c, a, policy) }, "piv:slot=9c", a, piv.KeySpec{}, with(pin), hardware.ErrKeyExists, "RSA 2048 without a certificate"},
		"an EC key":      {"5.4.3", func(c *pivtest.Card) { putEC(t, c, 0x9c) }, "piv:slot=9c", a, piv.KeySpec{}, with(pin), hardware.ErrKeyExists, "EC P-256"},
		"a certificate":  {"4.3.5", func(c *pivtest.Card) { c.PutCertificate(0x9c, certify(t, &a.PublicKey, "lonely")) }, "piv:slot=9c", a, piv.KeySpec{}, with(pin), hardware.ErrKeyExists, "CN=lonely"},
		"4.3, no PIN to be had": {"4.3.5", nil, "piv:slot=9c", a, piv.KeySpec{}, piv.Options{},
			hardware.ErrPINNeeded, "no way to ask"},
		"4.3, nobody to touch it": {"4.3.5", nil, "piv:slot=9e", a, piv.KeySpec{Touch: piv.TouchAlways}, piv.Options{Unattended: true},
			piv.ErrNotTouched, "nobody is there"},
		"PIN blocked": {"5.4.3", func(c *pivtest.Card) { c.SetPINTriesLeft(0) }, "piv:slot=9c", a, piv.KeySpec{}, with(pin), nil, "blocked"},
		"wrong PIN":   {"5.4.3", nil, "piv:slot=9c", a, piv.KeySpec{}, with("111111"), nil, "2 tries are left"},
		"management key": {"5.4.3", nil, "piv:slot=9c", a, piv.KeySpec{}, piv.Options{ManagementKey: func(context.Context, piv.ManagementKeyRequest) ([]byte, error) {
			return managementKey(24), nil
		}}, piv.ErrManagementKey, "did not take this one"},
		"no card": {"5.4.3", nil, "piv:serial=1;slot=9c", a, piv.KeySpec{}, piv.Options{}, piv.ErrNoCard, "there is YubiKey 12345678"},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: test.firmware, PIN: pin})
			if test.put != nil {
				test.put(card)
			}
			_, err := piv.Import(t.Context(), mustParse(t, test.address), test.key, test.spec, test.options)
			if test.want == nil && err != nil {
				test.want = err
			}
			wantError(t, err, test.want, test.words)
			if count(card, 0xfe) > 0 {
				t.Error("the key was written all the same")
			}
			d.free(t)
		})
	}
}

// TestImportProtected: the PIN that gives the management key is asked for once and serves
// for the signature, too.
func TestImportProtected(t *testing.T) {
	d := newDesk(t)
	for _, firmware := range []string{"4.3.5", "5.4.3"} {
		t.Run(firmware, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: firmware, PIN: pin, ManagementKey: managementKey(24), ManagementAlgorithm: 0x03})
			card.PutObject(0x5fc109, tlv(0x88, tlv(0x89, managementKey(24))))
			a := &asked{pin: pin}
			key := testKey(t, "a", 2048)
			got, err := piv.Import(t.Context(), mustParse(t, "piv:slot=9c"), key, piv.KeySpec{}, piv.Options{PIN: a.ask})
			if err != nil {
				t.Fatal(err)
			}
			wantImported(t, got, key, 0x9c)
			if len(a.requests) != 1 {
				t.Errorf("asked %+v", a.requests)
			}
			a.isForgotten(t)
			d.locked(t, 0x9c)
		})
	}
}

// TestImportFactoryPIN: it is spoken of once, although it is sent twice.
func TestImportFactoryPIN(t *testing.T) {
	d := newDesk(t)
	d.put(t, pivtest.Options{})
	var n told
	options := with("123456")
	options.Tell = n.tell
	if _, err := piv.Import(t.Context(), mustParse(t, "piv:slot=9c"), testKey(t, "a", 2048), piv.KeySpec{}, options); err != nil {
		t.Fatal(err)
	}
	got := slices.DeleteFunc(n.list(), func(n piv.Notice) bool { return n == piv.TouchMaybe || n == piv.TouchOver })
	if !slices.Equal(got, []piv.Notice{piv.FactoryManagementKey, piv.FactoryPIN}) {
		t.Errorf("told %v", got)
	}
}

// TestImportHalfWay: a key that is not proved is deleted again where the card can, and
// said to be there where it cannot.
func TestImportHalfWay(t *testing.T) {
	d := newDesk(t)
	other := testKey(t, "b", 2048)
	refused := pivtest.Fault{INS: 0xfe, SW: 0x6a80}
	unsigned := pivtest.Fault{INS: 0x87, Skip: 2, SW: 0x6f00} // after the management key's two
	for name, test := range map[string]struct {
		firmware string
		faults   []pivtest.Fault
		swap     bool // the card makes another key of it
		policy   byte // and with another PIN policy
		want     error
		words    []string
		there    bool
	}{
		"not taken":               {"5.7.1", []pivtest.Fault{refused}, false, 0, piv.ErrDevice, []string{"importing the key: it does not take the data (6A80)"}, false},
		"no signature":            {"5.7.1", []pivtest.Fault{unsigned}, false, 0, piv.ErrDevice, []string{"signing", "6F00"}, false},
		"another key":             {"5.7.1", nil, true, 0, piv.ErrDevice, []string{"another key than was put on it"}, false},
		"another policy":          {"5.7.1", nil, false, never, piv.ErrDevice, []string{"PIN never and touch never, not PIN always and touch never"}, false},
		"not read back":           {"5.7.1", []pivtest.Fault{{INS: 0xf7, Skip: 3, SW: 0x6f00}}, false, 0, piv.ErrDevice, []string{"reading the key", "6F00"}, false},
		"no signature, 5.4":       {"5.4.3", []pivtest.Fault{unsigned}, false, 0, piv.ErrDevice, []string{"signing", "only a new one takes its place"}, true},
		"another key, 4.3":        {"4.3.5", nil, true, 0, hardware.ErrBadSignature, []string{"only a new one takes its place"}, true},
		"not to be deleted":       {"5.7.1", []pivtest.Fault{unsigned, {INS: 0xf6, SW: 0x6f00}}, false, 0, piv.ErrDevice, []string{"signing", "could not be deleted again", "deleting the key: it failed and does not say why (6F00)"}, true},
		"no longer authenticated": {"5.7.1", []pivtest.Fault{unsigned, {INS: 0x87, Skip: 3, SW: 0x6982}}, false, 0, piv.ErrDevice, []string{"could not be deleted again"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: test.firmware, PIN: pin})
			for _, f := range test.faults {
				card.Inject(f)
			}
			if test.swap || test.policy != 0 {
				key := testKey(t, "a", 2048)
				if test.swap {
					key = other
				}
				policy := pivtest.Policy{PIN: max(test.policy, 0), Touch: touchNever}
				card.Inject(pivtest.Fault{INS: 0xfe, After: func() { card.PutKey(0x9c, key, policy) }})
			}
			a := &asked{pin: pin}
			_, err := piv.Import(t.Context(), mustParse(t, "piv:slot=9c"), testKey(t, "a", 2048), piv.KeySpec{}, piv.Options{PIN: a.ask})
			for _, words := range append(test.words, "piv:serial=12345678;slot=9c: ") {
				wantError(t, err, test.want, words)
			}
			if there := card.PublicKey(0x9c) != nil; there != test.there {
				t.Errorf("the key is there: %v", there)
			}
			a.isForgotten(t)
			d.free(t)
		})
	}
}

// TestImportManagementKeys takes a key back with each kind of management key, which no
// library proves then.
func TestImportManagementKeys(t *testing.T) {
	d := newDesk(t)
	for name, test := range map[string]struct {
		algorithm byte
		length    int
	}{"3DES": {0x03, 24}, "AES-128": {0x08, 16}, "AES-192": {0x0a, 24}, "AES-256": {0x0c, 32}} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: "5.7.1", PIN: pin, ManagementKey: managementKey(test.length), ManagementAlgorithm: test.algorithm})
			card.Inject(pivtest.Fault{INS: 0x87, Skip: 2, SW: 0x6f00})
			options := with(pin)
			var given *[]byte
			options.ManagementKey, given = give(managementKey(test.length))
			_, err := piv.Import(t.Context(), mustParse(t, "piv:slot=9c"), testKey(t, "a", 2048), piv.KeySpec{}, options)
			wantError(t, err, piv.ErrDevice, "signing")
			if card.PublicKey(0x9c) != nil || strings.Contains(err.Error(), "could not") {
				t.Errorf("the key is still there: %v", err)
			}
			if slices.ContainsFunc(*given, func(b byte) bool { return b != 0 }) {
				t.Error("the management key is not overwritten")
			}
		})
	}
}

// TestImportAbandoned: a caller that gave up while the key was written gets none.
func TestImportAbandoned(t *testing.T) {
	d := newDesk(t)
	card := d.put(t, pivtest.Options{Firmware: "5.7.1", PIN: pin})
	ctx, cancel := context.WithCancelCause(t.Context())
	deleted := make(chan struct{})
	card.Inject(pivtest.Fault{INS: 0xfe, Before: func() { cancel(context.DeadlineExceeded) }})
	card.Inject(pivtest.Fault{INS: 0xf6, After: func() { close(deleted) }})
	_, err := piv.Import(ctx, mustParse(t, "piv:slot=9e"), testKey(t, "a", 2048), piv.KeySpec{}, piv.Options{})
	wantError(t, err, context.DeadlineExceeded, "did not answer while ")
	<-deleted
	poll(t, "the card is let go", d.isFree)
	if card.PublicKey(0x9e) != nil {
		t.Error("the key is still there")
	}
}

// TestDelete: what goes with which firmware.
func TestDelete(t *testing.T) {
	d := newDesk(t)
	a := testKey(t, "a", 2048)
	policy := pivtest.Policy{PIN: once, Touch: touchNever}
	generated := pivtest.Policy{PIN: once, Touch: touchNever, Generated: true}
	paired := func(c *pivtest.Card) { pair(t, c, 0x9a, a, policy) }
	lonely := func(c *pivtest.Card) { c.PutCertificate(0x9a, certify(t, &a.PublicKey, "lonely")) }
	rubbish := func(c *pivtest.Card) {
		c.PutKey(0x9a, a, policy)
		c.PutObject(0x5fc105, tlv(0x70, []byte("rubbish")))
	}
	for name, test := range map[string]struct {
		firmware string
		put      func(*pivtest.Card)
		deleted  []string
		want     error // with words
		words    string
		stays    bool // the key
	}{
		"5.7":                  {"5.7.1", paired, []string{"certificate of CN=slot 9a until 2026-12-31 in piv:serial=12345678;slot=9a", "key piv:serial=12345678;slot=9a (RSA 2048)"}, nil, "", false},
		"5.7, key only":        {"5.7.1", func(c *pivtest.Card) { c.PutKey(0x9a, a, policy) }, []string{"key piv:serial=12345678;slot=9a (RSA 2048)"}, nil, "", false},
		"5.7, EC key":          {"5.7.1", func(c *pivtest.Card) { putEC(t, c, 0x9a) }, []string{"key piv:serial=12345678;slot=9a (EC P-256)"}, nil, "", false},
		"5.7, certificate":     {"5.7.1", lonely, []string{"certificate of CN=lonely until 2026-12-31 in piv:serial=12345678;slot=9a"}, nil, "", false},
		"5.7, rubbish":         {"5.7.1", rubbish, []string{"unreadable certificate in piv:serial=12345678;slot=9a", "key piv:serial=12345678;slot=9a (RSA 2048)"}, nil, "", false},
		"5.7, empty":           {"5.7.1", func(*pivtest.Card) {}, nil, hardware.ErrNoKey, "the slot is empty", false},
		"5.4":                  {"5.4.3", paired, []string{"certificate of CN=slot 9a until 2026-12-31 in piv:serial=12345678;slot=9a"}, piv.ErrUnsupported, "deleting keys needs firmware 5.7, and YubiKey 12345678 has 5.4.3; so the key itself stays in the slot until a new one is put over it", true},
		"5.4, key only":        {"5.4.3", func(c *pivtest.Card) { c.PutKey(0x9a, a, policy) }, nil, piv.ErrUnsupported, "the key itself stays", true},
		"5.4, certificate":     {"5.4.3", lonely, []string{"certificate of CN=lonely until 2026-12-31 in piv:serial=12345678;slot=9a"}, nil, "", false},
		"4.3":                  {"4.3.5", paired, []string{"certificate of CN=slot 9a until 2026-12-31 in piv:serial=12345678;slot=9a"}, piv.ErrUnsupported, "the key itself stays", true},
		"4.3, made on it":      {"4.3.5", func(c *pivtest.Card) { c.PutKey(0x9a, a, generated) }, nil, piv.ErrUnsupported, "the key itself stays", true},
		"4.3, nothing to tell": {"4.3.5", func(c *pivtest.Card) { c.PutKey(0x9a, a, policy) }, nil, hardware.ErrNoKey, "YubiKey 12345678 does not tell whether it holds a key that was put there", true},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: test.firmware, PIN: pin})
			test.put(card)
			pair(t, card, 0x9c, testKey(t, "b", 2048), policy) // which stays
			deleted, err := piv.Delete(t.Context(), mustParse(t, "piv:slot=9a"), piv.Options{})
			if test.want != nil {
				wantError(t, err, test.want, test.words)
			} else if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(test.deleted, deleted); diff != "" {
				t.Errorf("deleted (-want +got):\n%s", diff)
			}
			if (card.PublicKey(0x9a) != nil) != test.stays || len(card.Object(0x5fc105)) > 0 {
				t.Errorf("left are key %v, certificate %x", card.PublicKey(0x9a) != nil, card.Object(0x5fc105))
			}
			if card.PublicKey(0x9c) == nil || card.Certificate(0x9c) == nil {
				t.Error("another slot lost something")
			}
			if len(test.deleted) == 0 && count(card, 0x87) > 0 {
				t.Error("a management key was used for nothing")
			}
			d.free(t)
		})
	}
}

// TestDeleteManagementKeys: the card lets nobody delete without the management key, of whatever
// kind.
func TestDeleteManagementKeys(t *testing.T) {
	d := newDesk(t)
	wrong := func(n int) []byte { return slices.Repeat([]byte{9}, n) }
	protected := tlv(0x88, tlv(0x89, managementKey(24)))
	for name, test := range map[string]struct {
		firmware  string
		key       []byte // nil: the factory's
		algorithm byte
		given     []byte
		object    []byte
		options   piv.Options
		want      error
		words     string
	}{
		"the factory's":          {"5.7.1", nil, 0, nil, nil, piv.Options{}, nil, ""},
		"3DES":                   {"5.7.1", managementKey(24), 0x03, managementKey(24), nil, piv.Options{}, nil, ""},
		"AES-128":                {"5.7.1", managementKey(16), 0x08, managementKey(16), nil, piv.Options{}, nil, ""},
		"AES-192":                {"5.7.1", managementKey(24), 0x0a, managementKey(24), nil, piv.Options{}, nil, ""},
		"AES-256":                {"5.7.1", managementKey(32), 0x0c, managementKey(32), nil, piv.Options{}, nil, ""},
		"AES-256, letting go":    {"5.7.1", managementKey(32), 0x0c, managementKey(32), nil, piv.Options{Slow: true}, nil, ""},
		"wrong":                  {"5.7.1", managementKey(24), 0x0a, wrong(24), nil, piv.Options{}, piv.ErrManagementKey, "did not take this one (6982)"},
		"wrong, 3DES":            {"5.7.1", managementKey(24), 0x03, wrong(24), nil, piv.Options{}, piv.ErrManagementKey, "did not take this one (6982)"},
		"too short":              {"5.7.1", managementKey(32), 0x0c, wrong(16), nil, piv.Options{}, piv.ErrManagementKey, "AES-256, which has 32 bytes"},
		"not the factory's":      {"5.7.1", managementKey(24), 0x0a, nil, nil, piv.Options{}, piv.ErrManagementKey, "neither a way to ask"},
		"protected":              {"5.7.1", managementKey(24), 0x0a, nil, protected, with(pin), nil, ""},
		"protected, 4.3":         {"4.3.5", managementKey(24), 0x03, nil, protected, with(pin), piv.ErrUnsupported, "the key itself stays"},
		"protected, not there":   {"5.7.1", managementKey(24), 0x0a, nil, nil, with(pin), piv.ErrManagementKey, "holds none under its PIN"},
		"protected, by old ones": {"5.7.1", managementKey(24), 0x0a, nil, tlv(0x88, tlv(0x89, wrong(24))), with(pin), piv.ErrManagementKey, "did not take this one"},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: test.firmware, PIN: pin, ManagementKey: test.key, ManagementAlgorithm: test.algorithm})
			pair(t, card, 0x9a, testKey(t, "a", 2048), pivtest.Policy{PIN: once, Touch: touchNever})
			if test.object != nil {
				card.PutObject(0x5fc109, test.object)
			}
			if test.given != nil {
				test.options.ManagementKey, _ = give(test.given)
			}
			deleted, err := piv.Delete(t.Context(), mustParse(t, "piv:slot=9a"), test.options)
			switch {
			case test.want != nil:
				wantError(t, err, test.want, test.words)
			case err != nil:
				t.Error(err)
			}
			refused := errors.Is(test.want, piv.ErrManagementKey)
			if refused != (len(deleted) == 0) || refused != (card.Certificate(0x9a) != nil) {
				t.Errorf("deleted %q", deleted)
			}
			d.free(t)
		})
	}
}

// TestDeleteRefuses: an address that does not say which key, or fits two, deletes none.
func TestDeleteRefuses(t *testing.T) {
	d := newDesk(t)
	card := d.put(t, pivtest.Options{Firmware: "5.7.1", PIN: pin})
	pair(t, card, 0x9a, testKey(t, "a", 2048), pivtest.Policy{PIN: once, Touch: touchNever})
	_, err := piv.Delete(t.Context(), mustParse(t, "piv:"), piv.Options{})
	if err == nil || !strings.Contains(err.Error(), "add ;slot=9c") {
		t.Errorf("no slot: %v", err)
	}
	d.Insert(1, newCard(t, pivtest.Options{Firmware: "5.7.1", Serial: 7, PIN: pin}))
	_, err = piv.Delete(t.Context(), mustParse(t, "piv:slot=9a"), piv.Options{})
	if ambiguous, ok := errors.AsType[*hardware.AmbiguousError](err); !ok || len(ambiguous.Candidates) != 2 {
		t.Errorf("two cards: %v", err)
	}
	_, err = piv.Delete(t.Context(), mustParse(t, "piv:serial=7;slot=9a"), piv.Options{})
	wantError(t, err, hardware.ErrNoKey, "the slot is empty")
	if card.PublicKey(0x9a) == nil || card.Certificate(0x9a) == nil {
		t.Error("something was deleted")
	}
	if deleted, err := piv.Delete(t.Context(), mustParse(t, "piv:serial=12345678;slot=9a"), piv.Options{}); len(deleted) != 2 || err != nil {
		t.Errorf("deleted %q, %v", deleted, err)
	}
}

// TestDeleteHalfWay: what went before a failure is said, and the rest goes with the next
// call.
func TestDeleteHalfWay(t *testing.T) {
	d := newDesk(t)
	for name, test := range map[string]struct {
		fault   pivtest.Fault
		want    error
		words   string
		deleted int
	}{
		"the certificate stays":      {pivtest.Fault{INS: 0xdb, SW: 0x6f00}, piv.ErrDevice, "deleting the key: it failed and does not say why (6F00)", 0},
		"the key stays":              {pivtest.Fault{INS: 0xf6, SW: 0x6982}, piv.ErrDevice, "deleting the key", 1},
		"no witness":                 {pivtest.Fault{INS: 0x87, Answer: []byte{0x7c, 0x00, 0x90, 0x00}}, piv.ErrManagementKey, "has not proved that it has the key", 0},
		"a short witness":            {pivtest.Fault{INS: 0x87, Answer: []byte{0x7c, 0x03, 0x80, 0x01, 0x55, 0x90, 0x00}}, piv.ErrManagementKey, "has not proved that it has the key", 0},
		"the card has another key":   {pivtest.Fault{INS: 0x87, Skip: 1, Answer: slices.Concat([]byte{0x7c, 0x12, 0x82, 0x10}, make([]byte, 16), []byte{0x90, 0x00})}, piv.ErrManagementKey, "has not proved that it has the key", 0},
		"the management key is mute": {pivtest.Fault{INS: 0xf7, Skip: 2, SW: 0x6f00}, piv.ErrDevice, "6F00", 0},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: "5.7.1", PIN: pin})
			pair(t, card, 0x9a, testKey(t, "a", 2048), pivtest.Policy{PIN: once, Touch: touchNever})
			card.Inject(test.fault)
			options := piv.Options{}
			options.ManagementKey, _ = give(slices.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 3))
			deleted, err := piv.Delete(t.Context(), mustParse(t, "piv:slot=9a"), options)
			wantError(t, err, test.want, test.words)
			if len(deleted) != test.deleted {
				t.Errorf("deleted %q", deleted)
			}
			card.ClearFaults()
			again, err := piv.Delete(t.Context(), mustParse(t, "piv:slot=9a"), options)
			if len(again) != 2-test.deleted || err != nil || card.PublicKey(0x9a) != nil {
				t.Errorf("deleted again %q, %v", again, err)
			}
			d.free(t)
		})
	}
}

// TestUsesTheSlotAgain: a slot is free after Delete, for a key of either origin.
func TestUsesTheSlotAgain(t *testing.T) {
	d := newDesk(t)
	d.put(t, pivtest.Options{Firmware: "5.7.1", PIN: pin})
	at := mustParse(t, "piv:slot=9c")
	for range 2 {
		if _, err := piv.Import(t.Context(), at, testKey(t, "a", 2048), piv.KeySpec{}, with(pin)); err != nil {
			t.Fatal(err)
		}
		if _, err := piv.Delete(t.Context(), at, piv.Options{}); err != nil {
			t.Fatal(err)
		}
		if _, err := piv.Generate(t.Context(), at, piv.KeySpec{Bits: 2048}, with(pin)); err != nil {
			t.Fatal(err)
		}
		if _, err := piv.Delete(t.Context(), at, piv.Options{}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDeleteWithTouch: a management key that wants a touch wants it to delete, too, and
// once for all.
func TestDeleteWithTouch(t *testing.T) {
	d := newDesk(t)
	for name, gives := range map[string]bool{"given": true, "never given": false} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{TouchTime: time.Minute})
			wantTouchToWrite(t, card)
			pair(t, card, 0x9a, testKey(t, "a", 2048), pivtest.Policy{PIN: once, Touch: touchNever})
			var n told
			card.OnTouch(func() bool { return gives })
			deleted, err := piv.Delete(t.Context(), mustParse(t, "piv:slot=9a"), piv.Options{Tell: n.tell})
			want := []piv.Notice{piv.TouchWanted, piv.TouchOver}
			if gives {
				want = append(want, piv.FactoryManagementKey)
				wantError(t, err, piv.ErrUnsupported, "the key itself stays")
			} else {
				wantError(t, err, piv.ErrNotTouched, "or the management key is wrong (6982)")
			}
			if got := n.list(); !slices.Equal(got, want) || (len(deleted) == 1) != gives {
				t.Errorf("deleted %q, told %v, want %v", deleted, got, want)
			}
		})
	}
}
