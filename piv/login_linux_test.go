//go:build cgo

package piv_test

import (
	"context"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
	"github.com/anaplan-agent/anaplan-agent/agent/certtest"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// TestLogin signs with all kinds of keys on all kinds of cards.
func TestLogin(t *testing.T) {
	d := newDesk(t)
	for _, test := range []struct {
		firmware string
		slot     byte
		bits     int
		policy   pivtest.Policy
		asks     bool
	}{
		{"4.3.5", 0x9a, 2048, pivtest.Policy{PIN: once, Touch: touchNever, Generated: true}, true},
		{"4.3.5", 0x9a, 2048, pivtest.Policy{PIN: once, Touch: touchNever}, true}, // of which the card tells nothing
		{"4.3.5", 0x9e, 2048, pivtest.Policy{PIN: never, Touch: touchNever}, false},
		{"4.3.5", 0x9a, 2048, pivtest.Policy{PIN: never, Touch: touchNever, Generated: true}, false},
		{"5.4.3", 0x9a, 2048, pivtest.Policy{PIN: once, Touch: touchNever, Generated: true}, true},
		{"5.4.3", 0x9c, 2048, pivtest.Policy{PIN: always, Touch: touchAlways, Generated: true}, true},
		{"5.4.3", 0x9d, 2048, pivtest.Policy{PIN: never, Touch: touchCached}, false},
		{"5.4.3", 0x95, 2048, pivtest.Policy{PIN: once, Touch: touchNever}, true},
		{"5.7.1", 0x82, 3072, pivtest.Policy{PIN: once, Touch: touchNever, Generated: true}, true},
		{"5.7.1", 0x9c, 4096, pivtest.Policy{PIN: always, Touch: touchNever, Generated: true}, true},
	} {
		name := fmt.Sprintf("firmware %s, slot %x, RSA %d, %+v", test.firmware, test.slot, test.bits, test.policy)
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: test.firmware, PIN: pin})
			key := testKey(t, "a", test.bits)
			want := pair(t, card, test.slot, key, test.policy)
			a := &asked{pin: pin}
			address := fmt.Sprintf("piv:slot=%02x", test.slot)
			options := piv.Options{PIN: a.ask, Time: noon}
			opened, err := piv.Open(t.Context(), mustParse(t, address), options)
			if err != nil {
				t.Fatal(err)
			}
			if full := (pivuri.URI{Serial: 12345678, Slot: pivuri.Slot(test.slot)}); opened.Address() != full || !opened.Certificate().Equal(want) {
				t.Errorf("opened %s with a certificate of %s", opened.Address(), opened.Certificate().Subject)
			}
			if err := opened.Close(); err != nil {
				t.Error(err)
			}
			a.isForgotten(t)
			mustLogin(t, address, options, key)
			a.isForgotten(t)
			if asks := len(a.requests) == 2; asks != test.asks {
				t.Errorf("the PIN was asked for %d times", len(a.requests))
			}
			d.free(t)
		})
	}
}

// TestCommandsOfLogin: a login costs these commands, and none twice but the selection,
// of which the first looks whether piv-go may be let at the card.
func TestCommandsOfLogin(t *testing.T) {
	d := newDesk(t)
	const selectPIV = "A4 04 00 -> 9000\n"
	opening := selectPIV + selectPIV + "FD 00 00 -> 9000\nF8 00 00 -> 9000\n"
	serial4 := "A4 04 00 -> 9000\n01 10 00 -> 9000\nA4 04 00 -> 9000\n" // by the OTP application
	reading := "F7 00 9C -> 9000\nCB 3F FF -> 9000\n"
	for name, test := range map[string]struct {
		firmware string
		slot     byte
		policy   pivtest.Policy
		slow     bool
		want     string
	}{
		"with a PIN": {"5.4.3", 0x9c, pivtest.Policy{PIN: always, Touch: touchNever}, false,
			opening + reading + "20 00 80 -> 63C3\n" + "20 00 80 -> 9000\n" + "87 07 9C -> 9000"},
		"with a PIN that is typed": {"5.4.3", 0x9c, pivtest.Policy{PIN: always, Touch: touchNever}, true,
			opening + reading + "20 00 80 -> 63C3\n" + opening + "20 00 80 -> 9000\n" + "87 07 9C -> 9000"},
		"without": {"5.4.3", 0x9e, pivtest.Policy{PIN: never, Touch: touchNever}, false,
			opening + strings.ReplaceAll(reading, "9C", "9E") + "87 07 9E -> 9000"},
		"an old card": {"4.3.5", 0x9c, pivtest.Policy{PIN: always, Touch: touchNever, Generated: true}, false,
			selectPIV + selectPIV + "FD 00 00 -> 9000\n" + serial4 + "F9 9C 00 -> 9000\nCB 3F FF -> 9000\n" +
				"20 00 80 -> 63C3\n" + "20 00 80 -> 9000\n" + "87 07 9C -> 9000"},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: test.firmware, PIN: pin})
			key := testKey(t, "a", 2048)
			pair(t, card, test.slot, key, test.policy)
			options := with(pin)
			options.Slow = test.slow
			card.ForgetCommands()
			mustLogin(t, fmt.Sprintf("piv:slot=%02x", test.slot), options, key)
			if diff := cmp.Diff(test.want, parts(instructions(card))); diff != "" {
				t.Errorf("commands (-want +got):\n%s", diff)
			}
		})
	}
}

// parts leaves out what belongs to another command: GET RESPONSE, and the links of the
// signature's chain before its last.
func parts(commands string) string {
	var whole []string
	for _, line := range strings.Split(commands, "\n") {
		if strings.HasPrefix(line, "C0 ") {
			continue
		}
		if before, _, more := strings.Cut(line, " -> 61"); more {
			line = before + " -> 9000" // the rest follows
		}
		if n := len(whole); n > 0 && strings.HasPrefix(line, "87 ") && whole[n-1] == line {
			continue
		}
		whole = append(whole, line)
	}
	return strings.Join(whole, "\n")
}

// TestSlowLetsGo: while a person types, others can use the card.
func TestSlowLetsGo(t *testing.T) {
	d := newDesk(t)
	d.usual(t)
	options := piv.Options{Slow: true, Time: noon, PIN: func(context.Context, hardware.PINRequest) (hardware.PIN, error) {
		d.free(t)
		return hardware.PIN{Value: []byte(pin)}, nil
	}}
	mustLogin(t, "piv:", options, testKey(t, "a", 2048))
}

// TestPINIsRequestedFor: a program that asks a person can say what for, and how often that may go
// wrong.
func TestPINIsRequestedFor(t *testing.T) {
	d := newDesk(t)
	card := d.usual(t)
	card.SetPINTriesLeft(1)
	a := &asked{pin: pin}
	mustLogin(t, "piv:", piv.Options{PIN: a.ask, Time: noon}, testKey(t, "a", 2048))
	want := []hardware.PINRequest{{Device: "YubiKey 12345678", Serial: "12345678", Key: "9c", Counter: hardware.TryCounter(1)}}
	if diff := cmp.Diff(want, a.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestSignTwice: a key with a PIN policy of "once" signs again, one of "always" not,
// since its PIN is overwritten. Neither sends the PIN twice.
func TestSignTwice(t *testing.T) {
	d := newDesk(t)
	for name, test := range map[string]struct {
		policy byte
		want   error
	}{"once": {once, nil}, "always": {always, hardware.ErrPINNeeded}, "never": {never, nil}} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{PIN: pin})
			pair(t, card, 0x9a, testKey(t, "a", 2048), pivtest.Policy{PIN: test.policy, Touch: touchNever})
			a := &asked{pin: pin}
			key, err := piv.Open(t.Context(), mustParse(t, "piv:"), piv.Options{PIN: a.ask, Time: noon})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := key.SignSHA512(t.Context(), message); err != nil {
				t.Fatal(err)
			}
			a.isForgotten(t)
			if _, err := key.SignSHA512(t.Context(), message); !errors.Is(err, test.want) {
				t.Errorf("the second signature: %v, want %v", err, test.want)
			}
			if err := key.Close(); err != nil {
				t.Error(err)
			}
			if n := count(card, 0x20); n > 2 || len(a.requests) > 1 {
				t.Errorf("%d VERIFY for %d questions", n, len(a.requests))
			}
			if _, err := key.SignSHA512(t.Context(), message); err == nil || piv.Transient(err) {
				t.Errorf("a closed key signs: %v", err)
			}
			d.free(t)
		})
	}
}

// TestAddressWithoutSlot: the key is the only one that could be meant, or none.
func TestAddressWithoutSlot(t *testing.T) {
	d := newDesk(t)
	card := d.usual(t)
	a, b := testKey(t, "a", 2048), testKey(t, "b", 2048)
	// Neither of these can log in, so neither is a rival.
	if err := card.PutKey(0x9a, b, pivtest.Policy{PIN: once, Touch: touchNever}); err != nil {
		t.Fatal(err)
	}
	ec := putEC(t, card, 0x9d)
	card.PutCertificate(0x9d, certify(t, ec, "EC"))
	mustLogin(t, "piv:", with(pin), a)

	certificate := certify(t, &b.PublicKey, "the other one")
	options := with(pin)
	options.Certificate = certificate
	mustLogin(t, "piv:", options, b)

	card.PutCertificate(0x9a, certificate)
	_, err := login(t, "piv:serial=12345678", with(pin))
	ambiguous, ok := errors.AsType[*hardware.AmbiguousError](err)
	if !ok {
		t.Fatalf("error %v, want that it is ambiguous", err)
	}
	want := []string{"piv:serial=12345678;slot=9a", "piv:serial=12345678;slot=9c"}
	if diff := cmp.Diff(want, ambiguous.Candidates); diff != "" || !strings.Contains(err.Error(), "CN=the other one") {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestCompressedCertificate: ykman compresses certificates on request.
func TestCompressedCertificate(t *testing.T) {
	d := newDesk(t)
	card := d.usual(t)
	key := testKey(t, "a", 2048)
	packed := tlv(0x70, gzipped(certify(t, &key.PublicKey, "packed").Raw))
	card.PutObject(0x5fc10a, append(packed, tlv(0x71, []byte{1})...)) // CertInfo: gzip
	card.ForgetCommands()
	mustLogin(t, "piv:slot=9c", with(pin), key)
}

// TestOddCertificates: a certificate that crypto/x509 refuses logs in, however programs have put it
// into its slot.
func TestOddCertificates(t *testing.T) {
	d := newDesk(t)
	card := d.usual(t)
	key := testKey(t, "a", 2048)
	for i, odd := range certtest.Odds() {
		der, zeros := odd.Make(key.Public()), make([]byte, 20)
		object := [][]byte{
			slices.Concat(tlv(0x70, der), tlv(0x71, []byte{0})),
			slices.Concat(tlv(0x70, slices.Concat(der, zeros)), tlv(0x71, []byte{0})),
			slices.Concat(tlv(0x70, gzipped(der)), tlv(0x71, []byte{0x80}), tlv(0xfe, nil)),
			slices.Concat(tlv(0x70, slices.Concat(gzipped(der), zeros)), tlv(0x71, []byte{0})),
			slices.Concat(tlv(0x70, der), tlv(0x71, []byte{0}), zeros),
		}[i%5]
		card.PutObject(0x5fc10a, object)
		options := with(pin)
		options.Time = time.Now() // around which they are valid
		mustLogin(t, "piv:slot=9c", options, key)
	}
}

// TestOldVersion: of a certificate that crypto/x509 reads in part only, a card's is read like a file's.
func TestOldVersion(t *testing.T) {
	d := newDesk(t)
	der := certtest.Make(testKey(t, "a", 2048).Public(), func(f *certtest.Fields) {
		f.Version = ber.Element(0xa0, ber.Element(asn1.TagInteger, []byte{0}))
	})
	d.usual(t).PutObject(0x5fc10a, slices.Concat(tlv(0x70, der), tlv(0x71, []byte{0})))
	if keys := one(t).Keys; len(keys) != 1 || !slices.Equal(keys[0].Certificate.EmailAddresses, []string{certtest.Email}) {
		t.Errorf("%+v", keys)
	}
}

// TestOtherKinds: a certificate of a key that cannot log in is said to be that.
func TestOtherKinds(t *testing.T) {
	d := newDesk(t)
	card := d.usual(t)
	der := certtest.Make(testKey(t, "a", 2048).Public(), func(f *certtest.Fields) {
		f.Key = ber.Element(0x30, ber.Element(0x30, certtest.OID(1, 3, 101, 113)), ber.Element(asn1.TagBitString, make([]byte, 58)))
	})
	card.PutObject(0x5fc10a, tlv(0x70, der))
	_, err := login(t, "piv:slot=9c", with(pin))
	wantError(t, err, hardware.ErrNoCertificate, "that of CN=Robot is for an Ed448 key")
}

// TestGivenCertificate: the caller's certificate goes before the slot's, and is judged
// like it.
func TestGivenCertificate(t *testing.T) {
	d := newDesk(t)
	card := d.usual(t)
	a, b := testKey(t, "a", 2048), testKey(t, "b", 2048)
	options := with(pin)
	options.Certificate = certify(t, &a.PublicKey, "given")
	mustLogin(t, "piv:slot=9c", options, a)
	options.Certificate = certify(t, &b.PublicKey, "another's")
	_, err := login(t, "piv:slot=9c", options)
	wantError(t, err, hardware.ErrCertificateMismatch, "CN=another's")
	if n := count(card, 0x20); n != 2 {
		t.Errorf("%d VERIFY, want two of the login that went well", n)
	}
	options.Certificate = certify(t, &a.PublicKey, "given")
	options.Time = notAfter.AddDate(1, 0, 0)
	_, err = login(t, "piv:slot=9c", options)
	wantError(t, err, hardware.ErrCertificateExpired, "ended 2026-12-31")
}

// TestUntoldKey: a card before 5.3 tells nothing of a key that was put on it and has no
// certificate; with that certificate it can be used.
func TestUntoldKey(t *testing.T) {
	d := newDesk(t)
	card := d.put(t, pivtest.Options{Firmware: "4.3.5", PIN: pin})
	key := testKey(t, "a", 2048)
	if err := card.PutKey(0x9c, key, pivtest.Policy{PIN: always, Touch: touchNever}); err != nil {
		t.Fatal(err)
	}
	_, err := login(t, "piv:slot=9c", with(pin))
	wantError(t, err, hardware.ErrNoKey, "does not tell whether it holds a key that was put there")
	options := with(pin)
	options.Certificate = certify(t, &key.PublicKey, "kept elsewhere")
	mustLogin(t, "piv:slot=9c", options, key)
}

// TestForeignSignature: a card before 5.3 does not tell which key was put on it, so the
// signature shows it.
func TestForeignSignature(t *testing.T) {
	d := newDesk(t)
	card := d.put(t, pivtest.Options{Firmware: "4.3.5", PIN: pin})
	if err := card.PutKey(0x9c, testKey(t, "a", 2048), pivtest.Policy{PIN: always, Touch: touchNever}); err != nil {
		t.Fatal(err)
	}
	b := testKey(t, "b", 2048)
	card.PutCertificate(0x9c, certify(t, &b.PublicKey, "another's"))
	_, err := login(t, "piv:slot=9c", with(pin))
	wantError(t, err, hardware.ErrCertificateMismatch, "does not verify")
	if !errors.Is(err, hardware.ErrBadSignature) || piv.Transient(err) {
		t.Error(err)
	}
	d.locked(t, 0x9c)
}

// TestBadSignature: a card that knows which key it has, and whose signature is wrong, is
// faulty; the certificate is not.
func TestBadSignature(t *testing.T) {
	d := newDesk(t)
	card := d.put(t, pivtest.Options{Firmware: "5.4.3", PIN: pin, Quirks: pivtest.Quirks{BadSignatures: true}})
	pair(t, card, 0x9c, testKey(t, "a", 2048), pivtest.Policy{PIN: always, Touch: touchNever, Generated: true})
	_, err := login(t, "piv:slot=9c", with(pin))
	wantError(t, err, hardware.ErrBadSignature, "piv:serial=12345678;slot=9c")
	if errors.Is(err, hardware.ErrCertificateMismatch) || piv.Transient(err) {
		t.Error(err)
	}
	d.locked(t, 0x9c)
}
