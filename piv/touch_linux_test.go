//go:build cgo

package piv_test

import (
	"bytes"
	"context"
	"crypto/des"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// wantTouchToWrite has the card want a touch for its management key, the factory's, as
// another program sets it.
func wantTouchToWrite(t *testing.T, card *pivtest.Card) {
	t.Helper()
	key := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 3)
	block, err := des.NewTripleDESCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	card.Transmit([]byte("\x00\xa4\x04\x00\x05\xa0\x00\x00\x03\x08"))
	// The card's challenge, 7C 0A 81 08 and 8 bytes, is answered encrypted (NIST SP
	// 800-73-4 part 2, appendix A.1).
	challenge := card.Transmit([]byte("\x00\x87\x03\x9b\x04\x7c\x02\x81\x00"))
	if len(challenge) != 14 {
		t.Fatalf("the challenge is %x", challenge)
	}
	response := make([]byte, 8)
	block.Encrypt(response, challenge[4:12])
	card.Transmit(slices.Concat([]byte("\x00\x87\x03\x9b\x0c\x7c\x0a\x82\x08"), response))
	// SET MANAGEMENT KEY, with a touch (docs.yubico.com, "Set management key").
	answer := card.Transmit(slices.Concat([]byte("\x00\xff\xff\xfe\x1b\x03\x9b\x18"), key))
	if !bytes.Equal(answer, []byte{0x90, 0x00}) {
		t.Fatalf("the management key is not set: %x", answer)
	}
	card.ForgetCommands()
}

// TestTouchForWriting: a management key can want a touch, too.
func TestTouchForWriting(t *testing.T) {
	d := newDesk(t)
	for name, gives := range map[string]bool{"given": true, "never given": false} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{TouchTime: time.Minute})
			wantTouchToWrite(t, card)
			var n told
			card.OnTouch(func() bool { return gives })
			_, err := piv.Generate(t.Context(), mustParse(t, "piv:slot=9a"), piv.KeySpec{Bits: 2048}, piv.Options{Tell: n.tell})
			want := []piv.Notice{piv.TouchWanted, piv.TouchOver}
			if gives {
				want = append(want, piv.FactoryManagementKey)
			}
			if got := n.list(); !slices.Equal(got, want) {
				t.Errorf("told %v, want %v", got, want)
			}
			if gives && err != nil {
				t.Error(err)
			}
			if !gives {
				wantError(t, err, piv.ErrNotTouched, "or the management key is wrong (6982)")
			}
		})
	}
}

// TestAskedForManagementKey: a person who types it takes as long as one who types a PIN,
// and may have none.
func TestAskedForManagementKey(t *testing.T) {
	d := newDesk(t)
	d.put(t, pivtest.Options{ManagementKey: managementKey(24), ManagementAlgorithm: 0x03})
	var asked piv.ManagementKeyRequest
	options := piv.Options{Slow: true, ManagementKey: func(_ context.Context, request piv.ManagementKeyRequest) ([]byte, error) {
		d.free(t)
		asked = request
		return managementKey(24), nil
	}}
	at := mustParse(t, "piv:slot=9a")
	if _, err := piv.Generate(t.Context(), at, piv.KeySpec{Bits: 2048}, options); err != nil {
		t.Error(err)
	}
	if want := (piv.ManagementKeyRequest{Card: "YubiKey 12345678", Serial: 12345678}); asked != want {
		t.Errorf("asked %+v, want %+v", asked, want)
	}
	declined := errors.New("they pressed escape")
	options.ManagementKey = func(context.Context, piv.ManagementKeyRequest) ([]byte, error) { return nil, declined }
	_, err := piv.Generate(t.Context(), mustParse(t, "piv:slot=9c"), piv.KeySpec{Bits: 2048}, options)
	wantError(t, err, declined, "YubiKey 12345678")
	d.free(t)
}

// TestTakenWhileThePINIsTyped: another program may take the card that was let go.
func TestTakenWhileThePINIsTyped(t *testing.T) {
	d := newDesk(t)
	card := d.usual(t)
	var release func()
	options := piv.Options{Slow: true, Time: noon, Busy: 200 * time.Millisecond}
	options.PIN = func(context.Context, hardware.PINRequest) (hardware.PIN, error) {
		release, _ = d.Hold(0, true)
		return hardware.PIN{Value: []byte(pin)}, nil
	}
	_, err := login(t, "piv:", options)
	wantError(t, err, piv.ErrBusy, "scdaemon")
	release()
	if n := count(card, 0x20); n != 1 {
		t.Errorf("%d VERIFY, want the look at the counter", n)
	}
	options.Busy = 30 * time.Second
	options.Tell = func(piv.Notice) { release() }
	mustLogin(t, "piv:", options, testKey(t, "a", 2048))
}

// TestRequestOfUnusableKeys: a certificate that nobody could log in with is not asked
// for.
func TestRequestOfUnusableKeys(t *testing.T) {
	d := newDesk(t)
	card := d.put(t, pivtest.Options{})
	putEC(t, card, 0x9d)
	_, err := piv.CertificateRequest(t.Context(), mustParse(t, "piv:slot=9d"), with(pin), nil)
	wantError(t, err, hardware.ErrUnusableKey, "it is EC P-256")
	_, err = piv.CertificateRequest(t.Context(), mustParse(t, "piv:"), with(pin), nil)
	wantError(t, err, hardware.ErrNoKey, "there are:\n  piv:serial=12345678;slot=9d (EC P-256 without a certificate)")
	card.PutCertificate(0x9e, certify(t, &testKey(t, "a", 2048).PublicKey, "lonely"))
	_, err = piv.CertificateRequest(t.Context(), mustParse(t, "piv:slot=9e"), with(pin), nil)
	wantError(t, err, hardware.ErrNoKey, "a certificate and no key")
	_, err = piv.Attest(t.Context(), mustParse(t, "piv:slot=9e"), piv.Options{})
	wantError(t, err, hardware.ErrNoKey, "a certificate and no key")
}
