package pivtest

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// signTemplate is what a signature is asked for with.
func signTemplate(challenge []byte) []byte {
	return tlv(0x7C, tlv(0x82), tlv(0x81, challenge))
}

// padPKCS1 makes the block that an RSA key signs (RFC 8017 section 9.2), as a host does.
func padPKCS1(size int, digest []byte) []byte {
	info := append([]byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}, digest...)
	block := append([]byte{0, 1}, bytes.Repeat([]byte{0xFF}, size-3-len(info))...)
	return append(append(block, 0), info...)
}

// sign has a slot sign, and returns the signature.
func sign(t *testing.T, c *Card, algorithm, slot byte, challenge []byte) (signature []byte, status string) {
	t.Helper()
	answer, status := askLong(t, c, fmt.Sprintf("0087%02X%02X", algorithm, slot), signTemplate(challenge))
	_, template, _, _ := parseTLV(answer)
	parts, _ := fields(template)
	return parts[tagResponse], status
}

func TestSign(t *testing.T) {
	t.Parallel()
	digest := sha256.Sum256([]byte("message"))
	c := newTestCard(t, Options{Firmware: "5.7.1"})
	for algorithm, key := range map[byte]crypto.PrivateKey{
		algRSA1024: rsaKey(1024), algRSA2048: rsaKey(2048), algP256: ecKey(t, elliptic.P256()), algP384: ecKey(t, elliptic.P384()), algEd25519: ed25519Key(),
	} {
		if err := c.PutKey(0x9E, key, Policy{}); err != nil {
			t.Fatal(err)
		}
		challenge := digest[:]
		if key, ok := key.(*rsa.PrivateKey); ok {
			challenge = padPKCS1(key.Size(), digest[:])
		}
		signature, status := sign(t, c, algorithm, 0x9E, challenge)
		var valid bool
		switch public := c.PublicKey(0x9E).(type) {
		case *rsa.PublicKey:
			valid = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
		case *ecdsa.PublicKey:
			valid = ecdsa.VerifyASN1(public, digest[:], signature)
		case ed25519.PublicKey:
			valid = ed25519.Verify(public, digest[:], signature)
		}
		if status != "9000" || !valid {
			t.Errorf("algorithm %02X: %s, signature %X", algorithm, status, signature)
		}
	}
}

func TestAgree(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{Firmware: "5.7.1"})
	for algorithm, curve := range map[byte]ecdh.Curve{algP256: ecdh.P256(), algP384: ecdh.P384(), algX25519: ecdh.X25519()} {
		manage(t, c)
		generated, status := ask(t, c, fmt.Sprintf("0047009E 05 AC038001%02X", algorithm))
		if status != "9000" {
			t.Fatal(status)
		}
		_, template, _, _ := parseTLV(generated[1:])
		parts, _ := fields(template)
		public, err := curve.NewPublicKey(parts[0x86])
		if err != nil {
			t.Fatal(err)
		}
		host, err := curve.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		want, err := host.ECDH(public)
		if err != nil {
			t.Fatal(err)
		}
		header := fmt.Sprintf("0087%02X9E", algorithm)
		got, status := askLong(t, c, header, tlv(0x7C, tlv(0x82), tlv(0x85, host.PublicKey().Bytes())))
		if status != "9000" || !bytes.Equal(got, tlv(0x7C, tlv(0x82, want))) {
			t.Errorf("algorithm %02X: %s", algorithm, status)
		}
		if _, status := askLong(t, c, header, tlv(0x7C, tlv(0x85, []byte{4, 1, 2}))); status != "6A80" {
			t.Errorf("algorithm %02X, no point: %s", algorithm, status)
		}
	}
}

func TestAuthenticateRefuses(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{Firmware: "5.7.1"})
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for slot, key := range map[byte]crypto.PrivateKey{0x9A: rsaKey(2048), 0x9D: ecKey(t, elliptic.P256()), 0x82: ed25519Key(), 0x83: x25519} {
		if err := c.PutKey(slot, key, Policy{PIN: PINNever}); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		header string
		data   []byte
		want   string
	}{
		"an empty slot":               {"0087079C", signTemplate(make([]byte, 256)), "6A88"},
		"another algorithm":           {"0087119A", signTemplate(make([]byte, 32)), "6A86"},
		"no template":                 {"0087079A", []byte{1, 2, 3}, "6A80"},
		"another template":            {"0087079A", tlv(0x7D, tlv(0x81, make([]byte, 256))), "6A80"},
		"no challenge":                {"0087079A", tlv(0x7C, tlv(0x82)), "6A80"},
		"a short block":               {"0087079A", signTemplate(make([]byte, 255)), "6A80"},
		"a block above the modulus":   {"0087079A", signTemplate(bytes.Repeat([]byte{0xFF}, 256)), "6A80"},
		"a digest too long":           {"0087119D", signTemplate(make([]byte, 33)), "6A80"},
		"a digest of nothing":         {"0087119D", signTemplate(nil), "6A80"},
		"an agreement by RSA":         {"0087079A", tlv(0x7C, tlv(0x85, make([]byte, 65))), "6A80"},
		"an agreement by Ed25519":     {"0087E082", tlv(0x7C, tlv(0x85, make([]byte, 32))), "6A80"},
		"a signature by X25519":       {"0087E183", signTemplate(make([]byte, 32)), "6A80"},
		"an agreement on nothing":     {"0087E183", tlv(0x7C, tlv(0x85, make([]byte, 32))), "6A80"},
		"a signature that is its own": {"0087119D", signTemplate(make([]byte, 32)), "9000"},
	} {
		if _, status := askLong(t, c, test.header, test.data); status != test.want {
			t.Errorf("%s: %s, want %s", name, status, test.want)
		}
	}
	quirk := newTestCard(t, Options{Quirks: Quirks{SignEmpty: 0x6985}})
	if _, status := sign(t, quirk, algP256, 0x9A, make([]byte, 32)); status != "6985" {
		t.Errorf("an empty slot of another card: %s", status)
	}
}

// Which keys sign without a PIN, after one, and once after each.
func TestPINPolicies(t *testing.T) {
	t.Parallel()
	for policy, want := range map[byte]string{
		PINNever:  "9000 9000 9000 9000",
		PINOnce:   "6982 9000 9000 6982",
		PINAlways: "6982 9000 6982 6982",
	} {
		c := newTestCard(t, Options{})
		if err := c.PutKey(0x9A, ecKey(t, elliptic.P256()), Policy{PIN: policy}); err != nil {
			t.Fatal(err)
		}
		try := func() string {
			_, status := sign(t, c, algP256, 0x9A, make([]byte, 32))
			return status
		}
		got := try()
		play(t, c, step{hexPIN, "9000"})
		got += " " + try()
		got += " " + try()
		play(t, c, step{hexWrongPIN, "63C2"})
		if got += " " + try(); got != want {
			t.Errorf("policy %d: %s, want %s", policy, got, want)
		}
	}
}

// A touch is asked for by policy; one that is not given in time, or refused, is 6982.
func TestTouchPolicies(t *testing.T) {
	t.Parallel()
	for policy, want := range map[byte]int{TouchNever: 0, TouchAlways: 3, TouchCached: 2} {
		synctest.Test(t, func(t *testing.T) {
			c := newTestCard(t, Options{})
			if err := c.PutKey(0x9E, ed25519Key(), Policy{Touch: policy}); err != nil {
				t.Fatal(err)
			}
			asked := 0
			c.OnTouch(func() bool { asked++; return true })
			for _, pause := range []time.Duration{0, 14 * time.Second, 16 * time.Second} {
				time.Sleep(pause)
				if _, status := sign(t, c, algEd25519, 0x9E, []byte("message")); status != "9000" {
					t.Errorf("policy %d: %s", policy, status)
				}
			}
			if asked != want {
				t.Errorf("policy %d: %d touches, want %d", policy, asked, want)
			}
		})
	}
}

func TestNoTouch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newTestCard(t, Options{})
		if err := c.PutKey(0x9E, ed25519Key(), Policy{Touch: TouchAlways}); err != nil {
			t.Fatal(err)
		}
		wait := func(name string, touch func() bool, want time.Duration) {
			c.OnTouch(touch)
			start := time.Now()
			if _, status := sign(t, c, algEd25519, 0x9E, []byte("message")); status != "6982" || time.Since(start) != want {
				t.Errorf("%s: %s after %v", name, status, time.Since(start))
			}
		}
		hand := make(chan bool)
		never := func() bool { return <-hand }
		wait("a hand that does not come", never, 15*time.Second)
		wait("a refusal", func() bool { return false }, 0)
		go func() {
			time.Sleep(time.Second)
			c.Thaw()
		}()
		wait("a card that is pulled", never, time.Second)
		close(hand)
	})
}
