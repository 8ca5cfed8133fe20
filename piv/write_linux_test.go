//go:build cgo

package piv_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// gzipped packs data.
func gzipped(data []byte) []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write(data)
	w.Close()
	return packed.Bytes()
}

// tlv encodes an element as cards do.
func tlv(tag byte, value []byte) []byte {
	length := []byte{byte(len(value))}
	switch {
	case len(value) >= 0x100:
		length = []byte{0x82, byte(len(value) >> 8), byte(len(value))}
	case len(value) >= 0x80:
		length = []byte{0x81, byte(len(value))}
	}
	return slices.Concat([]byte{tag}, length, value)
}

// enrolled is a key from nothing to a login, as a person gets one.
func enrolled(t *testing.T, address string, spec piv.KeySpec, options piv.Options) {
	t.Helper()
	at := mustParse(t, address)
	made, err := piv.Generate(t.Context(), at, spec, options)
	if err != nil {
		t.Fatal(err)
	}
	key := testKey(t, "new", spec.Bits)
	if !key.PublicKey.Equal(made.Public) || !made.Generated || made.Address.Slot != at.Slot || made.Address.Serial == 0 {
		t.Errorf("made %+v", made)
	}
	der, err := piv.CertificateRequest(t.Context(), at, options, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "login"}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.ParseCertificateRequest(der)
	if err == nil {
		err = request.CheckSignature()
	}
	if err != nil || request.Subject.CommonName != "login" || request.SignatureAlgorithm != x509.SHA256WithRSA || !key.PublicKey.Equal(request.PublicKey) {
		t.Errorf("the request is not as asked for: %v", err)
	}
	certificate := certify(t, request.PublicKey, "login")
	for _, want := range []bool{true, false} { // the second time it is there
		if stored, err := piv.StoreCertificate(t.Context(), at, certificate, options); stored != want || err != nil {
			t.Errorf("stored %v, %v; want %v", stored, err, want)
		}
	}
	if _, err := piv.Generate(t.Context(), at, spec, options); !errors.Is(err, hardware.ErrKeyExists) {
		t.Errorf("a second key: %v", err)
	}
	mustLogin(t, address, options, key)
}

// TestEnrol goes the whole way on each firmware.
func TestEnrol(t *testing.T) {
	d := newDesk(t)
	for name, test := range map[string]struct {
		firmware string
		slot     string
		spec     piv.KeySpec
	}{
		"4.3":              {"4.3.5", "9a", piv.KeySpec{Bits: 2048}},
		"4.3, 9e":          {"4.3.5", "9e", piv.KeySpec{Bits: 2048}},
		"5.4":              {"5.4.3", "9c", piv.KeySpec{Bits: 2048, Touch: piv.TouchAlways}},
		"5.4, retired":     {"5.4.3", "82", piv.KeySpec{Bits: 2048, PIN: piv.PINAlways, Touch: piv.TouchCached}},
		"5.7":              {"5.7.1", "9c", piv.KeySpec{Bits: 3072}},
		"5.7, without PIN": {"5.7.1", "9d", piv.KeySpec{Bits: 2048, PIN: piv.PINNever}},
	} {
		t.Run(name, func(t *testing.T) {
			d.put(t, pivtest.Options{Firmware: test.firmware, PIN: pin})
			enrolled(t, "piv:slot="+test.slot, test.spec, with(pin))
		})
	}
}

// TestKeySpec: what is asked for is what the card has, and what is not asked for is the
// slot's own.
func TestKeySpec(t *testing.T) {
	d := newDesk(t)
	for name, test := range map[string]struct {
		slot string
		spec piv.KeySpec
		pin  piv.PINPolicy
		tch  piv.TouchPolicy
	}{
		"9a":       {"9a", piv.KeySpec{Bits: 2048}, piv.PINOnce, piv.TouchNever},
		"9c":       {"9c", piv.KeySpec{Bits: 2048}, piv.PINAlways, piv.TouchNever},
		"9e":       {"9e", piv.KeySpec{Bits: 2048}, piv.PINNever, piv.TouchNever},
		"as asked": {"9e", piv.KeySpec{Bits: 2048, PIN: piv.PINOnce, Touch: piv.TouchCached}, piv.PINOnce, piv.TouchCached},
	} {
		t.Run(name, func(t *testing.T) {
			d.put(t, pivtest.Options{})
			made, err := piv.Generate(t.Context(), mustParse(t, "piv:slot="+test.slot), test.spec, piv.Options{})
			if err != nil {
				t.Fatal(err)
			}
			cards, err := piv.List(t.Context(), pivuri.URI{}, piv.Options{})
			if err != nil || len(cards) != 1 || len(cards[0].Keys) != 1 {
				t.Fatalf("listed %+v, %v", cards, err)
			}
			listed := cards[0].Keys[0]
			if listed.PIN != test.pin || listed.Touch != test.tch {
				t.Errorf("the key wants PIN %s and touch %s", listed.PIN, listed.Touch)
			}
			if diff := cmp.Diff(made, listed, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" {
				t.Errorf("made and listed differ (-made +listed):\n%s", diff)
			}
		})
	}
}

// TestGenerateRefuses: nothing is made where something is in the way.
func TestGenerateRefuses(t *testing.T) {
	d := newDesk(t)
	a := testKey(t, "a", 2048)
	policy := pivtest.Policy{PIN: always, Touch: touchNever, Generated: true}
	for name, test := range map[string]struct {
		firmware string
		put      func(*pivtest.Card)
		address  string
		bits     int
		want     error
		words    string
	}{
		"no slot":             {"5.4.3", nil, "piv:", 2048, nil, "add ;slot=9c"},
		"1024":                {"5.4.3", nil, "piv:slot=9c", 1024, nil, "2048, 3072 or 4096"},
		"3072 before 5.7":     {"5.4.3", nil, "piv:slot=9c", 3072, piv.ErrUnsupported, "needs firmware 5.7, and YubiKey 12345678 has 5.4.3"},
		"weak":                {"4.3.1", nil, "piv:slot=9c", 2048, piv.ErrUnsupported, "CVE-2017-15361"},
		"a key":               {"5.4.3", func(c *pivtest.Card) { c.PutKey(0x9c, a, policy) }, "piv:slot=9c", 2048, hardware.ErrKeyExists, "RSA 2048 without a certificate"},
		"a key on an old one": {"4.3.5", func(c *pivtest.Card) { c.PutKey(0x9c, a, policy) }, "piv:slot=9c", 2048, hardware.ErrKeyExists, "RSA 2048 without a certificate"},
		"a certificate":       {"5.4.3", func(c *pivtest.Card) { c.PutCertificate(0x9c, certify(t, &a.PublicKey, "lonely")) }, "piv:slot=9c", 2048, hardware.ErrKeyExists, "CN=lonely"},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: test.firmware})
			if test.put != nil {
				test.put(card)
			}
			unasked := func() error { t.Error("Before was called"); return nil }
			_, err := piv.Generate(t.Context(), mustParse(t, test.address), piv.KeySpec{Bits: test.bits, Before: unasked}, piv.Options{})
			if test.want == nil && err != nil {
				test.want = err
			}
			wantError(t, err, test.want, test.words)
			if count(card, 0x47) > 0 || count(card, 0x87) > 0 {
				t.Error("something was sent all the same")
			}
		})
	}
}

// TestGenerateBefore: what the caller has to do before there is a key comes before it.
func TestGenerateBefore(t *testing.T) {
	card := newDesk(t).put(t, pivtest.Options{})
	address := mustParse(t, "piv:slot=9c")
	refuse := func() error { return errors.New("no room for notes") }
	if _, err := piv.Generate(t.Context(), address, piv.KeySpec{Bits: 2048, Before: refuse}, piv.Options{}); err == nil || !strings.Contains(err.Error(), "no room for notes") {
		t.Errorf("got %v", err)
	}
	if count(card, 0x47) > 0 {
		t.Error("a key was made all the same")
	}
	called := 0
	if _, err := piv.Generate(t.Context(), address, piv.KeySpec{Bits: 2048, Before: func() error { called = count(card, 0x47) + 1; return nil }}, piv.Options{}); err != nil || called != 1 {
		t.Errorf("%v; Before was called with %d keys there, less one", err, called)
	}
}

// managementKey is one of the caller's.
func managementKey(n int) []byte { return bytes.Repeat([]byte{0x42, 0x17}, n/2) }

// give returns a ManagementKeyFunc, and where what it gave is found again.
func give(key []byte) (piv.ManagementKeyFunc, *[]byte) {
	var given []byte
	return func(context.Context, piv.ManagementKeyRequest) ([]byte, error) {
		given = bytes.Clone(key)
		return given, nil
	}, &given
}

// TestManagementKeys: the factory's, the caller's of each algorithm, and the one that
// the card keeps under its PIN.
func TestManagementKeys(t *testing.T) {
	d := newDesk(t)
	for name, test := range map[string]struct {
		firmware  string
		key       []byte
		algorithm byte
		given     []byte
		want      error
		words     string
		told      []piv.Notice
	}{
		"the factory's":          {firmware: "5.4.3", told: []piv.Notice{piv.FactoryManagementKey}},
		"the factory's, 4.3":     {firmware: "4.3.5", told: []piv.Notice{piv.FactoryManagementKey}},
		"the factory's, AES":     {firmware: "5.7.1", told: []piv.Notice{piv.FactoryManagementKey}},
		"the factory's, given":   {firmware: "5.7.1", given: bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 3), told: []piv.Notice{piv.FactoryManagementKey}},
		"3DES":                   {firmware: "5.4.3", key: managementKey(24), algorithm: 0x03, given: managementKey(24)},
		"3DES, 4.3":              {firmware: "4.3.5", key: managementKey(24), algorithm: 0x03, given: managementKey(24)},
		"AES-128":                {firmware: "5.4.3", key: managementKey(16), algorithm: 0x08, given: managementKey(16)},
		"AES-192":                {firmware: "5.7.1", key: managementKey(24), algorithm: 0x0a, given: managementKey(24)},
		"AES-256":                {firmware: "5.7.1", key: managementKey(32), algorithm: 0x0c, given: managementKey(32)},
		"wrong":                  {firmware: "5.7.1", key: managementKey(24), algorithm: 0x0a, given: make([]byte, 24), want: piv.ErrManagementKey, words: "did not take this one"},
		"wrong, 4.3":             {firmware: "4.3.5", key: managementKey(24), algorithm: 0x03, given: bytes.Repeat([]byte{9}, 24), want: piv.ErrManagementKey, words: "did not take this one"},
		"too short":              {firmware: "5.7.1", key: managementKey(32), algorithm: 0x0c, given: make([]byte, 24), want: piv.ErrManagementKey, words: "AES-256, which has 32 bytes, and the one given has 24"},
		"not the factory's":      {firmware: "5.7.1", key: managementKey(24), algorithm: 0x0a, want: piv.ErrManagementKey, words: "neither a way to ask"},
		"not the factory's, 4.3": {firmware: "4.3.5", key: managementKey(24), algorithm: 0x03, want: piv.ErrManagementKey, words: "neither a way to ask"},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: test.firmware, ManagementKey: test.key, ManagementAlgorithm: test.algorithm})
			var n told
			options := piv.Options{Tell: n.tell}
			var given *[]byte
			if test.given != nil {
				options.ManagementKey, given = give(test.given)
			}
			_, err := piv.Generate(t.Context(), mustParse(t, "piv:slot=9a"), piv.KeySpec{Bits: 2048}, options)
			if test.want != nil {
				wantError(t, err, test.want, test.words)
			} else if err != nil {
				t.Error(err)
			}
			// A slow machine may take the making of the key for a wait for a touch.
			got := slices.DeleteFunc(n.list(), func(n piv.Notice) bool { return n == piv.TouchMaybe || n == piv.TouchOver })
			if !slices.Equal(got, test.told) {
				t.Errorf("told %v, want %v", got, test.told)
			}
			if given != nil && bytes.ContainsFunc(*given, func(r rune) bool { return r != 0 }) {
				t.Error("the management key is not overwritten")
			}
			if made := count(card, 0x47) > 0; made != (test.want == nil) {
				t.Errorf("a key was made: %v", made)
			}
			d.free(t)
		})
	}
}

// TestProtectedManagementKey: ykman can leave a random management key on the card, under
// the PIN.
func TestProtectedManagementKey(t *testing.T) {
	d := newDesk(t)
	for name, test := range map[string]struct {
		firmware string
		object   []byte // of 5FC109; nil: none
		pin      string
		want     error
		words    string
	}{
		"there":      {"5.4.3", tlv(0x88, tlv(0x89, managementKey(24))), pin, nil, ""},
		"there, 4.3": {"4.3.5", tlv(0x88, tlv(0x89, managementKey(24))), pin, nil, ""},
		"not there":  {"5.4.3", nil, pin, piv.ErrManagementKey, "holds none under its PIN"},
		"rubbish":    {"5.4.3", []byte("rubbish"), pin, piv.ErrManagementKey, "holds none under its PIN"},
		"old":        {"5.4.3", tlv(0x88, tlv(0x89, bytes.Repeat([]byte{9}, 24))), pin, piv.ErrManagementKey, "did not take this one"},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: test.firmware, PIN: pin, ManagementKey: managementKey(24), ManagementAlgorithm: 0x03})
			if test.object != nil {
				card.PutObject(0x5fc109, test.object)
			}
			a := &asked{pin: pin}
			_, err := piv.Generate(t.Context(), mustParse(t, "piv:slot=9a"), piv.KeySpec{Bits: 2048}, piv.Options{PIN: a.ask})
			if test.want != nil {
				wantError(t, err, test.want, test.words)
			} else if err != nil {
				t.Error(err)
			}
			a.isForgotten(t)
			d.locked(t, 0x9a)
		})
	}
	t.Run("wrong PIN", func(t *testing.T) {
		card := d.put(t, pivtest.Options{PIN: pin, ManagementKey: managementKey(24), ManagementAlgorithm: 0x03})
		_, err := piv.Generate(t.Context(), mustParse(t, "piv:slot=9a"), piv.KeySpec{Bits: 2048}, with("111111"))
		refused, ok := errors.AsType[*hardware.PINError](err)
		if !ok || refused.Counter.Tries != 2 || card.PINTriesLeft() != 2 {
			t.Errorf("error %v, %d tries left", err, card.PINTriesLeft())
		}
	})
}

// TestFactoryPIN: at enrolment a person is told to change it, and only there.
func TestFactoryPIN(t *testing.T) {
	d := newDesk(t)
	card := d.put(t, pivtest.Options{})
	key := testKey(t, "a", 2048)
	pair(t, card, 0x9c, key, pivtest.Policy{PIN: always, Touch: touchNever})
	var n told
	options := with("123456")
	options.Tell = n.tell
	mustLogin(t, "piv:", options, key)
	if len(n.list()) > 0 {
		t.Errorf("told %v at a login", n.list())
	}
	if _, err := piv.CertificateRequest(t.Context(), mustParse(t, "piv:"), options, nil); err != nil {
		t.Fatal(err)
	}
	if got := n.list(); !slices.Equal(got, []piv.Notice{piv.FactoryPIN}) {
		t.Errorf("told %v", got)
	}
}

// TestStoreCertificate: it goes to the slot of its key, and nowhere else.
func TestStoreCertificate(t *testing.T) {
	d := newDesk(t)
	a, b := testKey(t, "a", 2048), testKey(t, "b", 2048)
	for _, firmware := range []string{"4.3.5", "5.4.3"} {
		t.Run(firmware, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: firmware, PIN: pin})
			for slot, key := range map[byte]*rsa.PrivateKey{0x9a: a, 0x9c: b} {
				if err := card.PutKey(slot, key, pivtest.Policy{PIN: once, Touch: touchNever}); err != nil {
					t.Fatal(err)
				}
			}
			certificate := certify(t, &a.PublicKey, "a")
			_, err := piv.StoreCertificate(t.Context(), mustParse(t, "piv:slot=9c"), certificate, with(pin))
			wantError(t, err, hardware.ErrCertificateMismatch, "CN=a is not that of the key in slot 9c")
			if count(card, 0xdb) > 0 {
				t.Error("it was stored all the same")
			}
			address := "piv:slot=9a"
			if firmware == "5.4.3" {
				address = "piv:" // the card tells which key it is
			}
			if stored, err := piv.StoreCertificate(t.Context(), mustParse(t, address), certificate, with(pin)); !stored || err != nil {
				t.Errorf("stored %v, %v", stored, err)
			}
			mustLogin(t, "piv:slot=9a", with(pin), a)
			renewed := certify(t, &a.PublicKey, "renewed")
			if stored, err := piv.StoreCertificate(t.Context(), mustParse(t, "piv:slot=9a"), renewed, with(pin)); !stored || err != nil {
				t.Errorf("the renewed one: stored %v, %v", stored, err)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		_, err := piv.StoreCertificate(t.Context(), pivuri.URI{}, nil, piv.Options{})
		wantError(t, err, hardware.ErrNoCertificate, "to store")
	})
	t.Run("EC", func(t *testing.T) {
		card := d.put(t, pivtest.Options{})
		public := putEC(t, card, 0x9a)
		_, err := piv.StoreCertificate(t.Context(), mustParse(t, "piv:slot=9a"), certify(t, public, "EC"), piv.Options{})
		wantError(t, err, hardware.ErrUnusableKey, "EC P-256")
	})
}

// TestRequestWithoutPublicKey: an old card tells nothing of a key that was put on it.
func TestRequestWithoutPublicKey(t *testing.T) {
	d := newDesk(t)
	card := d.put(t, pivtest.Options{Firmware: "4.3.5", PIN: pin})
	key := testKey(t, "a", 2048)
	card.PutKey(0x9c, key, pivtest.Policy{PIN: always, Touch: touchNever})
	_, err := piv.CertificateRequest(t.Context(), mustParse(t, "piv:slot=9c"), with(pin), nil)
	wantError(t, err, hardware.ErrNoKey, "does not tell whether it holds a key that was put there")
	card.PutCertificate(0x9c, certify(t, &key.PublicKey, "old")) // which is to be renewed
	if _, err := piv.CertificateRequest(t.Context(), mustParse(t, "piv:slot=9c"), with(pin), nil); err != nil {
		t.Error(err)
	}
}

func TestAttest(t *testing.T) {
	d := newDesk(t)
	root, err := pivtest.AttestationRoot()
	if err != nil {
		t.Fatal(err)
	}
	generated := pivtest.Policy{PIN: once, Touch: touchNever, Generated: true}
	for name, test := range map[string]struct {
		firmware string
		policy   pivtest.Policy
		want     error
		words    string
	}{
		"4.3":       {"4.3.5", generated, nil, ""},
		"5.4":       {"5.4.3", generated, nil, ""},
		"5.7":       {"5.7.1", generated, nil, ""},
		"too old":   {"4.2.4", generated, piv.ErrUnsupported, "needs firmware 4.3"},
		"put on it": {"5.4.3", pivtest.Policy{PIN: once, Touch: touchNever}, piv.ErrUnsupported, "only keys that were made on it"},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: test.firmware})
			key := testKey(t, "a", 2048)
			if err := card.PutKey(0x9a, key, test.policy); err != nil {
				t.Fatal(err)
			}
			got, err := piv.Attest(t.Context(), mustParse(t, "piv:slot=9a"), piv.Options{})
			if test.want != nil {
				wantError(t, err, test.want, test.words)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !key.PublicKey.Equal(got.Certificate.PublicKey) || got.Certificate.CheckSignatureFrom(got.Intermediate) != nil {
				t.Error("the attestation is not of the key, or not of the card")
			}
			// The virtual card's maker is not Yubico.
			if got.Problem == nil || got.Intermediate.CheckSignatureFrom(root) != nil {
				t.Errorf("problem %v", got.Problem)
			}
		})
	}
	t.Run("an empty slot", func(t *testing.T) {
		d.put(t, pivtest.Options{})
		_, err := piv.Attest(t.Context(), mustParse(t, "piv:slot=9a"), piv.Options{})
		wantError(t, err, hardware.ErrNoKey, "the slot is empty")
	})
}

// TestList: what there is, and what is wrong with it.
func TestList(t *testing.T) {
	d := newDesk(t)
	a := testKey(t, "a", 2048)
	card := d.put(t, pivtest.Options{PIN: pin})
	pair(t, card, 0x9a, a, pivtest.Policy{PIN: once, Touch: touchCached, Generated: true})
	public := putEC(t, card, 0x9d)
	card.PutKey(0x82, a, pivtest.Policy{PIN: never, Touch: touchAlways})
	card.SetPINTriesLeft(2)
	cards, err := piv.List(t.Context(), mustParse(t, "piv:serial=12345678"), piv.Options{Time: noon})
	if err != nil || len(cards) != 1 {
		t.Fatalf("%d cards, %v", len(cards), err)
	}
	got := cards[0]
	if got.Name != "YubiKey 12345678" || got.Firmware != "5.4.3" || got.Tries != 2 || got.Err != nil || got.Reader == "" || got.Address.Serial != 12345678 {
		t.Errorf("the card is %+v", got)
	}
	type row struct {
		Slot      pivuri.Slot
		Type      string
		PIN       piv.PINPolicy
		Touch     piv.TouchPolicy
		Generated bool
		Certified bool
	}
	var rows []row
	for _, k := range got.Keys {
		rows = append(rows, row{k.Address.Slot, k.Type, k.PIN, k.Touch, k.Generated, k.Certificate != nil})
	}
	want := []row{
		{pivuri.Authentication, "RSA 2048", piv.PINOnce, piv.TouchCached, true, true},
		{pivuri.KeyManagement, "EC P-256", piv.PINOnce, piv.TouchNever, false, false},
		{0x82, "RSA 2048", piv.PINNever, piv.TouchAlways, false, false},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Fatalf("keys (-want +got):\n%s", diff)
	}
	for i, want := range []error{nil, hardware.ErrUnusableKey, hardware.ErrNoCertificate} {
		if problem := got.Keys[i].Problem; !errors.Is(problem, want) {
			t.Errorf("%s: problem %v, want %v", got.Keys[i].Address, problem, want)
		}
	}
	if keys := got.Keys; !a.PublicKey.Equal(keys[0].Public) || !public.Equal(keys[1].Public) {
		t.Error("the public keys are others")
	}
	if n := count(card, 0x20); n != 1 {
		t.Errorf("%d VERIFY, want the look at the counter", n)
	}
}

// TestListOfASlot reads nothing else.
func TestListOfASlot(t *testing.T) {
	d := newDesk(t)
	card := d.usual(t)
	card.ForgetCommands()
	cards, err := piv.List(t.Context(), mustParse(t, "piv:slot=9a"), piv.Options{Time: noon})
	if err != nil || len(cards) != 1 || len(cards[0].Keys) != 0 || count(card, 0xf7) != 1 {
		t.Errorf("%+v, %v\n%s", cards, err, instructions(card))
	}
}

// TestListBroken: what is known of a card that fails half way is said.
func TestListBroken(t *testing.T) {
	d := newDesk(t)
	card := d.usual(t)
	card.Inject(pivtest.Fault{INS: 0xcb, Skip: 2, Times: -1, SW: 0x6f00})
	cards, err := piv.List(t.Context(), pivuri.URI{}, piv.Options{Time: noon})
	if err != nil || len(cards) != 1 || !errors.Is(cards[0].Err, piv.ErrDevice) || len(cards[0].Keys) != 1 || cards[0].Tries != 3 {
		t.Errorf("%v, %+v", err, cards)
	}
	d.free(t)
}
