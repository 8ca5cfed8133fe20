//go:build cgo

package piv_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// seat puts a new card into the first reader for the rest of the test. pcscd sees the change, and
// with it the ATR.
func seat(t *testing.T, s *pivtest.Stack, options pivtest.Options) *pivtest.Card {
	t.Helper()
	card := newCard(t, options)
	if err := s.Insert(0, card); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Pull(0); err != nil {
			t.Error(err)
		}
	})
	return card
}

// TestNames: a card of another maker is called what it is.
func TestNames(t *testing.T) {
	s := newStack(t, pivtest.StackOptions{})
	for maker, want := range map[pivtest.Maker]string{
		pivtest.Yubico:    "YubiKey 77",
		pivtest.CanoKey:   "CanoKey 77",
		pivtest.PivApplet: "PivApplet 77",
	} {
		t.Run(want, func(t *testing.T) {
			seat(t, s, pivtest.Options{Maker: maker, Serial: 77})
			cards, err := piv.List(t.Context(), pivuri.URI{}, piv.Options{Time: noon})
			if err != nil || len(cards) != 1 || cards[0].Name != want {
				t.Errorf("%v, %+v", err, cards)
			}
		})
	}
}

// one returns the only card that there is, which has no fault.
func one(t *testing.T) piv.Card {
	t.Helper()
	cards, err := piv.List(t.Context(), pivuri.URI{}, piv.Options{Time: noon})
	if err != nil || len(cards) != 1 || cards[0].Err != nil {
		t.Fatalf("%v, %+v", err, cards)
	}
	return cards[0]
}

// TestCanoKey: nearly all is as with a YubiKey, and what is not is said.
func TestCanoKey(t *testing.T) {
	s := newStack(t, pivtest.StackOptions{})
	card := seat(t, s, pivtest.Options{Maker: pivtest.CanoKey, Serial: 77, PIN: pin})
	address := mustParse(t, "piv:serial=77;slot=9c")
	if listed := one(t); len(listed.Keys) != 0 {
		t.Errorf("%+v", listed)
	}
	made, err := piv.Generate(t.Context(), address, piv.KeySpec{Bits: 2048}, with(pin))
	if err != nil {
		t.Fatal(err)
	}
	der, err := piv.CertificateRequest(t.Context(), address, with(pin), nil)
	if err != nil {
		t.Fatal(err)
	}
	if request, err := x509.ParseCertificateRequest(der); err != nil || !testKey(t, "new", 2048).PublicKey.Equal(request.PublicKey) {
		t.Errorf("%v: the request is for another key", err)
	}
	certificate := certify(t, made.Public, "cano")
	if _, err := piv.StoreCertificate(t.Context(), address, certificate, with(pin)); err != nil {
		t.Fatal(err)
	}
	mustLogin(t, "piv:", with(pin), testKey(t, "new", 2048))

	t.Run("no attestation", func(t *testing.T) {
		_, err := piv.Attest(t.Context(), address, with(pin))
		wantError(t, err, piv.ErrUnsupported, "only YubiKeys attest their keys so that it can be checked, and CanoKey 77 is not one")
		if count(card, 0xf9) > 0 {
			t.Error("it was asked for one")
		}
	})
	t.Run("a slot that it has not", func(t *testing.T) {
		_, err := piv.Generate(t.Context(), mustParse(t, "piv:slot=8a"), piv.KeySpec{Bits: 2048}, with(pin))
		wantError(t, err, piv.ErrUnsupported, "CanoKey 77 has no slot 8a (6A86)")
		isOtherMakers(t, err)
	})
	t.Run("import", func(t *testing.T) {
		key := testKey(t, "a", 2048)
		if _, err := piv.Import(t.Context(), mustParse(t, "piv:slot=82"), key, piv.KeySpec{}, with(pin)); err != nil {
			t.Fatal(err)
		}
		if !key.PublicKey.Equal(card.PublicKey(0x82)) {
			t.Error("the key is not there")
		}
	})
	t.Run("delete", func(t *testing.T) {
		deleted, err := piv.Delete(t.Context(), address, with(pin))
		wantError(t, err, piv.ErrUnsupported, "CanoKey 77 does not know the command that deletes keys (6D00); so the key itself stays in the slot")
		isOtherMakers(t, err)
		if len(deleted) != 1 || !strings.HasPrefix(deleted[0], "certificate of CN=cano") {
			t.Errorf("deleted %q", deleted)
		}
		if strings.Contains(err.Error(), "ykman") {
			t.Errorf("a program of Yubico's that looks for YubiKeys only: %v", err)
		}
		if keys := one(t).Keys; len(keys) != 2 || keys[0].Certificate != nil || !errors.Is(keys[0].Problem, hardware.ErrNoCertificate) || strings.Contains(keys[0].Problem.Error(), "cannot be read") {
			t.Errorf("%+v", keys)
		}
	})
}

// isOtherMakers fails the test if the error does not come of the card's maker.
func isOtherMakers(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*piv.OtherMakerError](err); !ok || piv.Transient(err) {
		t.Errorf("%v: the maker is not the reason, or it may pass", err)
	}
}

// TestPoliciesNotTold: a key whose PIN policy the card does not tell has its slot's.
func TestPoliciesNotTold(t *testing.T) {
	s := newStack(t, pivtest.StackOptions{})
	card := seat(t, s, pivtest.Options{Maker: pivtest.CanoKey, PIN: pin, Quirks: pivtest.Quirks{NoPolicies: true}})
	key := testKey(t, "a", 2048)
	pair(t, card, 0x9c, key, pivtest.Policy{PIN: always, Touch: touchNever})
	keys := one(t).Keys
	if len(keys) != 1 || keys[0].Problem != nil || keys[0].PIN != "" || !key.PublicKey.Equal(keys[0].Public) {
		t.Errorf("%+v", keys)
	}
	mustLogin(t, "piv:slot=9c", with(pin), key)
	if _, err := piv.Import(t.Context(), mustParse(t, "piv:slot=9a"), testKey(t, "b", 2048), piv.KeySpec{}, with(pin)); err != nil {
		t.Error(err)
	}
}

// TestPivApplet: it signs with what is on it, and is not written to. No secret is asked for in vain.
func TestPivApplet(t *testing.T) {
	s := newStack(t, pivtest.StackOptions{})
	card := seat(t, s, pivtest.Options{Maker: pivtest.PivApplet, PIN: pin})
	key := testKey(t, "a", 2048)
	certificate := pair(t, card, 0x9c, key, pivtest.Policy{PIN: always, Touch: touchNever})
	if keys := one(t).Keys; len(keys) != 1 || !bytes.Equal(keys[0].Certificate.Raw, certificate.Raw) || keys[0].Problem != nil {
		t.Errorf("%+v", keys)
	}
	mustLogin(t, "piv:", with(pin), key)
	const words = "PivApplet 12345678 does not know the command GET METADATA, without which keys and certificates are not put on it from here"
	asked := &asked{pin: pin}
	options := piv.Options{PIN: asked.ask, Time: noon}
	_, err := piv.Generate(t.Context(), mustParse(t, "piv:slot=9a"), piv.KeySpec{Bits: 2048}, options)
	wantError(t, err, piv.ErrUnsupported, words)
	isOtherMakers(t, err)
	_, err = piv.Import(t.Context(), mustParse(t, "piv:slot=9a"), key, piv.KeySpec{}, options)
	wantError(t, err, piv.ErrUnsupported, words)
	if len(asked.requests) > 0 || count(card, 0x47) > 0 {
		t.Error("the PIN was asked for in vain, or a key was made")
	}
	wantNotKept(t, mustParse(t, "piv:slot=9c"), key, words)
	if count(card, 0xdb) > 0 {
		t.Error("the card was written to")
	}
}

// wantNotKept wants a card to say that it does not take a key's certificate, once a signature has shown
// whose it is; also where the slot shows no sign of the key.
func wantNotKept(t *testing.T, address pivuri.URI, key *rsa.PrivateKey, words string) {
	t.Helper()
	_, err := piv.StoreCertificate(t.Context(), address, certify(t, &key.PublicKey, "new"), with(pin))
	wantError(t, err, hardware.ErrNotKept, words)
	isOtherMakers(t, err)
	_, err = piv.StoreCertificate(t.Context(), address, certify(t, &testKey(t, "b", 2048).PublicKey, "new"), with(pin))
	wantError(t, err, hardware.ErrCertificateMismatch, "")
}

// TestKeyThatDoesNotShow: a key that another program has made, and of which the card tells nothing, gets
// its request by its public key, logs in with a certificate from elsewhere, and is listed with it.
func TestKeyThatDoesNotShow(t *testing.T) {
	s := newStack(t, pivtest.StackOptions{})
	for _, maker := range []pivtest.Maker{pivtest.PivApplet, pivtest.OtherMaker} {
		t.Run(string(maker), func(t *testing.T) {
			card, key := seat(t, s, pivtest.Options{Maker: maker, PIN: pin}), testKey(t, "a", 2048)
			card.PutKey(0x9c, key, pivtest.Policy{PIN: always, Touch: touchNever})
			if listed := one(t); len(listed.Keys) != 0 || !errors.Is(listed.ReadOnly, piv.ErrUnsupported) {
				t.Errorf("%+v", listed)
			}
			address, options := mustParse(t, "piv:slot=9c"), with(pin)
			_, err := piv.CertificateRequest(t.Context(), address, options, nil)
			wantError(t, err, hardware.ErrNoKey, "slot=9c: the slot holds no certificate, and P")
			wantError(t, err, hardware.ErrNoKey, " does not tell whether it holds a key")
			isOtherMakers(t, err)
			options.Public = &testKey(t, "b", 2048).PublicKey
			_, err = piv.CertificateRequest(t.Context(), address, options, nil)
			wantError(t, err, hardware.ErrBadSignature, "")
			options.Public = &key.PublicKey
			der, err := piv.CertificateRequest(t.Context(), address, options, nil)
			if err != nil {
				t.Fatal(err)
			}
			if request, err := x509.ParseCertificateRequest(der); err != nil || !key.PublicKey.Equal(request.PublicKey) {
				t.Errorf("%v: the request is for another key", err)
			}
			wantNotKept(t, address, key, "are not put on it from here")

			options = with(pin)
			options.Certificate = certify(t, &key.PublicKey, "kept")
			mustLogin(t, "piv:slot=9c", options, key)
			cards, err := piv.List(t.Context(), address, piv.Options{Certificate: options.Certificate, Time: noon})
			if err != nil || len(cards) != 1 || len(cards[0].Keys) != 1 || cards[0].Keys[0].Problem != nil {
				t.Errorf("listed %+v, %v", cards, err)
			}
		})
	}
}

// TestOldPivApplet: one of a version before metadata is written to, and what it does not know is said,
// with the slot or the policy that it lacks and not as trouble that may pass.
func TestOldPivApplet(t *testing.T) {
	s := newStack(t, pivtest.StackOptions{})
	card := seat(t, s, pivtest.Options{Maker: pivtest.PivApplet, Firmware: "5.0.0", PIN: pin})
	key := testKey(t, "a", 2048)
	made, err := piv.Generate(t.Context(), mustParse(t, "piv:slot=9c"), piv.KeySpec{Bits: 2048}, with(pin))
	if err != nil {
		t.Fatal(err)
	}
	certificate := certify(t, made.Public, "applet")
	if _, err := piv.StoreCertificate(t.Context(), mustParse(t, "piv:slot=9c"), certificate, with(pin)); err != nil {
		t.Fatal(err)
	}
	mustLogin(t, "piv:slot=9c", with(pin), testKey(t, "new", 2048))
	if _, err := piv.Import(t.Context(), mustParse(t, "piv:slot=82"), key, piv.KeySpec{}, with(pin)); err != nil {
		t.Error(err)
	}
	wrong := with(pin)
	wrong.ManagementKey = func(context.Context, piv.ManagementKeyRequest) ([]byte, error) {
		return bytes.Repeat([]byte{7}, 24), nil
	}
	for _, test := range []struct {
		name, slot, words string
		spec              piv.KeySpec
		options           piv.Options
	}{
		{"slot", "piv:slot=8d", "PivApplet 12345678 has no slot 8d (6A86)", piv.KeySpec{Bits: 2048}, with(pin)},
		{"touch", "piv:slot=9a", `PivApplet 12345678 does not know the touch policy "always" (6A81)`, piv.KeySpec{Bits: 2048, Touch: piv.TouchAlways}, with(pin)},
		{"length", "piv:slot=9a", "RSA 3072 needs firmware 5.7, and PivApplet 12345678 has 5.0.0", piv.KeySpec{Bits: 3072}, with(pin)},
		{"management key", "piv:slot=9a", "PivApplet 12345678 did not take this one (6A80)", piv.KeySpec{Bits: 2048}, wrong},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := piv.Generate(t.Context(), mustParse(t, test.slot), test.spec, test.options)
			kind := piv.ErrUnsupported
			if test.name == "management key" {
				kind = piv.ErrManagementKey
			} else {
				isOtherMakers(t, err)
			}
			wantError(t, err, kind, test.words)
			if test.spec.Bits = 0; test.name == "length" {
				return
			}
			_, err = piv.Import(t.Context(), mustParse(t, test.slot), testKey(t, "b", 2048), test.spec, test.options)
			wantError(t, err, kind, test.words)
		})
	}
	if card.PublicKey(0x9a) != nil {
		t.Error("there is a key where none was to be made")
	}
	_, err = piv.Delete(t.Context(), mustParse(t, "piv:slot=9c"), with(pin))
	wantError(t, err, piv.ErrUnsupported, "so the key itself stays in the slot")
	isOtherMakers(t, err)
}

// guidObject is a card's unique identifier with a GUID (NIST SP 800-73-4 part 1, table 9).
func guidObject(guid byte) []byte {
	return append([]byte{0x34, 0x10}, bytes.Repeat([]byte{guid}, 16)...)
}

// plainCard puts a card into the reader that knows the standard's commands only, with a usual key.
func plainCard(t *testing.T, s *pivtest.Stack, bits int) *pivtest.Card {
	t.Helper()
	card := seat(t, s, pivtest.Options{Maker: pivtest.OtherMaker, PIN: pin})
	pair(t, card, 0x9c, testKey(t, "plain", bits), pivtest.Policy{PIN: always, Touch: touchNever})
	card.PutObject(0x5fc102, guidObject(0xab))
	return card
}

// TestPlainCard: a card without any instruction of Yubico's, such as a government's, signs with what is
// on it, and is called by no number that it has not.
func TestPlainCard(t *testing.T) {
	s := newStack(t, pivtest.StackOptions{})
	for _, bits := range []int{2048, 3072} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			card := plainCard(t, s, bits)
			listed := one(t)
			if listed.Name != "PIV card" || listed.Firmware != "" || listed.Tries != 3 || listed.Address.String() != "piv:" || len(listed.Keys) != 1 || listed.Keys[0].Problem != nil {
				t.Errorf("%+v", listed)
			}
			asked := &asked{pin: pin}
			mustLogin(t, "piv:", piv.Options{PIN: asked.ask, Time: noon, Slow: true}, testKey(t, "plain", bits))
			asked.isForgotten(t)
			if got := asked.requests[0]; got.Device != "PIV card" || got.Serial != strings.Repeat("ab", 16) || got.Serial != listed.Identity {
				t.Errorf("asked %+v", got)
			}
			if n := count(card, 0x20); n != 3 || card.WrongPINs() != 0 { // of which the list and the login ask for the counter
				t.Errorf("%d VERIFY, %d wrong ones", n, card.WrongPINs())
			}
			if c, err := s.ConnectCard(0, true); err != nil {
				t.Errorf("the card is not let go: %v", err)
			} else {
				c.Disconnect(pivtest.LeaveCard)
				c.Close()
			}
		})
	}
}

// TestPlainCardPIN: a PIN is sent once, and what the card says of it is understood.
func TestPlainCardPIN(t *testing.T) {
	s := newStack(t, pivtest.StackOptions{})
	card := plainCard(t, s, 2048)
	_, err := login(t, "piv:slot=9c", with("999999"))
	refused, ok := errors.AsType[*hardware.PINError](err)
	if !ok || !strings.Contains(err.Error(), "PIV card refused the PIN: it is wrong (63C2); 2 tries are left") || card.WrongPINs() != 1 {
		t.Errorf("%v, %+v, %d wrong ones", err, refused, card.WrongPINs())
	}
	card.SetPINTriesLeft(0)
	_, err = login(t, "piv:slot=9c", with(pin))
	if refused, ok := errors.AsType[*hardware.PINError](err); !ok || !refused.Locked {
		t.Errorf("%v", err)
	}
	card.SetPINTriesLeft(3)
	card.Inject(pivtest.Fault{INS: 0x87, SW: 0x6f00})
	_, err = login(t, "piv:slot=9c", with(pin))
	wantError(t, err, piv.ErrDevice, "signing: it failed and does not say why (6F00)")
	mustLogin(t, "piv:slot=9c", with(pin), testKey(t, "plain", 2048))
}

// TestPlainCardWrites: it is not written to, and nobody is asked for anything in vain.
func TestPlainCardWrites(t *testing.T) {
	s := newStack(t, pivtest.StackOptions{})
	card := plainCard(t, s, 2048)
	key := testKey(t, "plain", 2048)
	asked := &asked{pin: pin}
	options := piv.Options{PIN: asked.ask, Time: noon}
	address, free := mustParse(t, "piv:slot=9c"), mustParse(t, "piv:slot=9a")
	for what, try := range map[string]func() error{
		"generate": func() error {
			_, err := piv.Generate(t.Context(), free, piv.KeySpec{Bits: 2048}, options)
			return err
		},
		"import": func() error {
			_, err := piv.Import(t.Context(), free, testKey(t, "b", 2048), piv.KeySpec{}, options)
			return err
		},
		"delete": func() error { _, err := piv.Delete(t.Context(), address, options); return err },
	} {
		t.Run(what, func(t *testing.T) {
			err := try()
			wantError(t, err, piv.ErrUnsupported, "the PIV card knows the commands of the standard only")
			isOtherMakers(t, err)
		})
	}
	if len(asked.requests) > 0 || count(card, 0x47)+count(card, 0xdb)+count(card, 0x87) > 0 {
		t.Error("the PIN was asked for in vain, or the card was written to")
	}
	wantNotKept(t, address, key, "the PIV card knows the commands of the standard only")
	asked.requests = nil
	// A request for a new certificate of the key that is there is a signature like others.
	der, err := piv.CertificateRequest(t.Context(), address, options, nil)
	if err != nil {
		t.Fatal(err)
	}
	if request, err := x509.ParseCertificateRequest(der); err != nil || !key.PublicKey.Equal(request.PublicKey) {
		t.Errorf("%v: the request is for another key", err)
	}
}

// TestTwoPlainCards: cards without a serial number are told apart by their GUIDs, or by their readers,
// and the one that is named is the only one that is sent a PIN.
func TestTwoPlainCards(t *testing.T) {
	s := newStack(t, pivtest.StackOptions{})
	keys := []*rsa.PrivateKey{testKey(t, "a", 2048), testKey(t, "b", 2048)}
	var cards []*pivtest.Card
	for i, key := range keys {
		card := newCard(t, pivtest.Options{Maker: pivtest.OtherMaker, PIN: pin})
		pair(t, card, 0x9c, key, pivtest.Policy{PIN: always, Touch: touchNever})
		if err := s.Insert(i, card); err != nil {
			t.Fatal(err)
		}
		cards = append(cards, card)
	}
	for _, test := range []struct {
		name    string
		guids   []byte
		address string // of the first, as far as it tells it from the other
	}{
		{"guid", []byte{0xab, 0xcd}, "piv:guid=" + strings.Repeat("ab", 16)},
		{"one guid", []byte{0xab, 0xab}, "piv:reader="},
		{"no guid", []byte{0, 0}, "piv:reader="},
	} {
		t.Run(test.name, func(t *testing.T) {
			for i, guid := range test.guids {
				cards[i].PutObject(0x5fc102, guidObject(guid))
				cards[i].ForgetCommands()
			}
			_, err := login(t, "piv:slot=9c", with(pin))
			ambiguous, ok := errors.AsType[*hardware.AmbiguousError](err)
			if !ok || len(ambiguous.Candidates) != 2 || ambiguous.Candidates[0] == ambiguous.Candidates[1] {
				t.Fatalf("%v", err)
			}
			if !strings.HasPrefix(ambiguous.Candidates[0], test.address) {
				t.Errorf("%v, want one that begins with %s", err, test.address)
			}
			listed, err := piv.List(t.Context(), pivuri.URI{}, piv.Options{Time: noon})
			if err != nil || len(listed) != 2 {
				t.Fatalf("%v, %+v", err, listed)
			}
			for i, candidate := range ambiguous.Candidates {
				if key := listed[i].Keys[0].Address; key.String() != candidate {
					t.Errorf("it is listed as %s, not %s", key, candidate)
				}
				mustLogin(t, candidate, piv.Options{PIN: (&asked{pin: pin}).ask, Time: noon, Slow: true}, keys[i])
			}
			for i, card := range cards {
				if links := count(card, 0x87); links != 2 || card.WrongPINs() != 0 { // of one command
					t.Errorf("card %d signed with %d commands", i, links)
				}
			}
		})
	}
	_, err := login(t, "piv:reader=Elsewhere%2000%2000", with(pin))
	wantError(t, err, piv.ErrNoCard, `there is no reader "Elsewhere 00 00", but [`)
}

// TestT0: a card that does not speak T=1 signs all the same, whoever has made it; it answers with 61XX
// and 6CXX what others answer with data. Its PIN is sent once.
func TestT0(t *testing.T) {
	s := newStack(t, pivtest.StackOptions{})
	for _, maker := range []pivtest.Maker{pivtest.OtherMaker, pivtest.PivApplet} {
		t.Run(string(maker), func(t *testing.T) {
			card := seat(t, s, pivtest.Options{Maker: maker, PIN: pin, Quirks: pivtest.Quirks{OnlyT0: true}})
			key := testKey(t, "plain", 2048)
			certificate := pair(t, card, 0x9c, key, pivtest.Policy{PIN: always, Touch: touchNever})
			card.PutObject(0x5fc102, guidObject(0xab))
			listed := one(t)
			if len(listed.Keys) != 1 || !bytes.Equal(listed.Keys[0].Certificate.Raw, certificate.Raw) || listed.Tries != 3 || listed.Identity != strings.Repeat("ab", 16) {
				t.Errorf("%+v", listed)
			}
			card.ForgetCommands()
			mustLogin(t, "piv:slot=9c", with(pin), key)
			if answers := answersOf(card); !answers[0x61] || !answers[0x6c] || count(card, 0x20) != 2 { // of which one asks for the counter
				t.Errorf("it was %d times asked about the PIN, and answered %v", count(card, 0x20), answers)
			}
			_, err := login(t, "piv:slot=9c", with("999999"))
			if refused, ok := errors.AsType[*hardware.PINError](err); !ok || refused.Locked || card.WrongPINs() != 1 {
				t.Errorf("%v, %d wrong ones", err, card.WrongPINs())
			}
			_, err = piv.Generate(t.Context(), mustParse(t, "piv:slot=9a"), piv.KeySpec{Bits: 2048}, with(pin))
			wantError(t, err, piv.ErrUnsupported, listed.Name+" speaks T=0 only, by which keys and certificates are not put on it from here")
			isOtherMakers(t, err)
		})
	}
}

// answersOf returns the first bytes of the status words that a card has answered.
func answersOf(card *pivtest.Card) map[byte]bool {
	answers := map[byte]bool{}
	for _, c := range card.Commands() {
		answers[byte(c.SW>>8)] = true
	}
	return answers
}
