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
	"errors"
	"fmt"
	"math/big"
	"testing"
)

// ed25519Key is a key that costs nothing.
func ed25519Key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

// ecKey makes a key on a curve.
func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// publicOf reads the public key that GENERATE answers with, as a host does.
func publicOf(t *testing.T, algorithm byte, answer []byte) crypto.PublicKey {
	t.Helper()
	if !bytes.HasPrefix(answer, []byte{0x7F, 0x49}) {
		t.Fatalf("answer %X", answer)
	}
	tag, template, rest, ok := parseTLV(answer[1:])
	parts, well := fields(template)
	if !ok || !well || tag != 0x49 || len(rest) > 0 {
		t.Fatalf("answer %X", answer)
	}
	var public crypto.PublicKey
	var err error
	switch algorithm {
	case algP256:
		public, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), parts[0x86])
	case algP384:
		public, err = ecdsa.ParseUncompressedPublicKey(elliptic.P384(), parts[0x86])
	case algEd25519:
		public = ed25519.PublicKey(parts[0x86])
	case algX25519:
		public, err = ecdh.X25519().NewPublicKey(parts[0x86])
	default:
		e := new(big.Int).SetBytes(parts[0x82])
		public = &rsa.PublicKey{N: new(big.Int).SetBytes(parts[0x81]), E: int(e.Int64())}
	}
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// equalKeys compares public keys.
func equalKeys(a, b crypto.PublicKey) bool {
	comparable, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(b)
}

// What each firmware makes and takes.
func TestGenerate(t *testing.T) {
	t.Parallel()
	for firmware, algorithms := range map[string]map[byte]string{
		"4.3.5": {algRSA1024: "9000", algRSA2048: "9000", algP256: "9000", algP384: "9000", algRSA3072: "6A80", algRSA4096: "6A80", algEd25519: "6A80", algX25519: "6A80", 0x55: "6A80"},
		"5.4.3": {algRSA2048: "9000", algRSA3072: "6A80", algEd25519: "6A80"},
		"5.7.1": {algRSA1024: "9000", algRSA2048: "9000", algP256: "9000", algP384: "9000", algRSA3072: "9000", algEd25519: "9000", algX25519: "9000"},
	} {
		c := newTestCard(t, Options{Firmware: firmware})
		play(t, c, step{"0047009A 05 AC03800111", "6982"})
		manage(t, c)
		for algorithm, want := range algorithms {
			answer, status := ask(t, c, fmt.Sprintf("0047009A 05 AC038001%02X", algorithm))
			if status != want {
				t.Errorf("firmware %s, algorithm %02X: %s, want %s", firmware, algorithm, status, want)
			}
			if status == "9000" && !equalKeys(publicOf(t, algorithm, answer), c.PublicKey(0x9A)) {
				t.Errorf("firmware %s, algorithm %02X: another public key", firmware, algorithm)
			}
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	manage(t, c)
	play(t, c,
		step{"0047019A 05 AC03800111", "6A86"},
		step{"0047009B 05 AC03800111", "6A86"}, // the management key's
		step{"00470081 05 AC03800111", "6A86"},
		step{"00470096 05 AC03800111", "6A86"},
		step{"0047009A 05 AD03800111", "6A80"},
		step{"0047009A 02 AC00", "6A80"},
		step{"0047009A 06 AC0480021111", "6A80"},
		step{"0047009A", "6A80"},
		step{"0047009A 08 AC06800111AA0104", "6A80"}, // no such PIN policy
		step{"0047009A 08 AC06800111AB0104", "6A80"},
		step{"0047009A 09 AC07800111AA020101", "6A80"},
	)
	if c.PublicKey(0x9A) != nil {
		t.Error("a key all the same")
	}
	failing := newTestCard(t, Options{Keys: func(int) (*rsa.PrivateKey, error) { return nil, errors.New("no") }})
	manage(t, failing)
	play(t, failing, step{"0047009A 05 AC03800107", "6F00"})
}

// A key without a policy has the slot's.
func TestDefaultPolicies(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	manage(t, c)
	for slot, want := range map[byte]string{
		0x9A: "0201", 0x9C: "0301", 0x9D: "0201", 0x9E: "0101", 0x82: "0201", 0x95: "0201",
	} {
		if _, status := ask(t, c, fmt.Sprintf("004700%02X 05 AC03800111", slot)); status != "9000" {
			t.Fatalf("slot %02X: %s", slot, status)
		}
		data, _ := ask(t, c, fmt.Sprintf("00F700%02X", slot))
		parts, _ := fields(data)
		if got := fmt.Sprintf("%X", parts[0x02]); got != want {
			t.Errorf("slot %02X: %s, want %s", slot, got, want)
		}
	}
}

func TestPutKey(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.PrivateKey{rsaKey(1024), rsaKey(2048), ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ed25519Key(), x25519} {
		if err := c.PutKey(0x9D, key, Policy{}); err != nil {
			t.Errorf("%T: %v", key, err)
		}
		public := key.(privateKey).Public()
		if !equalKeys(public, c.PublicKey(0x9D)) {
			t.Errorf("%T: another public key", key)
		}
	}
	for _, key := range []crypto.PrivateKey{rsaKey(1536), ecKey(t, elliptic.P521()), p256, "key", nil} {
		if err := c.PutKey(0x9A, key, Policy{}); err == nil {
			t.Errorf("%T is taken", key)
		}
	}
	if err := c.PutKey(0x99, ed25519Key(), Policy{}); err == nil || c.PublicKey(0x99) != nil {
		t.Error("a slot that there is not")
	}
}

// importCommand is a private key as IMPORT KEY has it.
func importCommand(t *testing.T, key crypto.PrivateKey) (algorithm byte, data []byte) {
	t.Helper()
	switch key := key.(type) {
	case *rsa.PrivateKey:
		half := key.Size() / 2
		for i, n := range []*big.Int{key.Primes[0], key.Primes[1], key.Precomputed.Dp, key.Precomputed.Dq, key.Precomputed.Qinv} {
			data = append(data, tlv(uint32(i+1), n.FillBytes(make([]byte, half)))...)
		}
		return map[int]byte{64: algRSA1024, 128: algRSA2048}[half], data
	case *ecdsa.PrivateKey:
		scalar, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return map[int]byte{32: algP256, 48: algP384}[len(scalar)], tlv(6, scalar)
	case ed25519.PrivateKey:
		return algEd25519, tlv(7, key.Seed())
	case *ecdh.PrivateKey:
		return algX25519, tlv(8, key.Bytes())
	}
	t.Fatalf("a key of type %T", key)
	return 0, nil
}

func TestImport(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{Firmware: "5.7.1"})
	play(t, c, step{"00FEE09A 02 0700", "6982"})
	manage(t, c)
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.PrivateKey{rsaKey(1024), rsaKey(2048), ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ed25519Key(), x25519} {
		algorithm, data := importCommand(t, key)
		data = append(data, 0xAA, 1, PINNever, 0xAB, 1, TouchCached)
		if _, status := askLong(t, c, fmt.Sprintf("00FE%02X9A", algorithm), data); status != "9000" {
			t.Errorf("%T: %s", key, status)
		}
		if !equalKeys(key.(privateKey).Public(), c.PublicKey(0x9A)) {
			t.Errorf("%T: another public key", key)
		}
		metadata, _ := ask(t, c, "00F7009A")
		want := concat(tlv(1, []byte{algorithm}), tlv(2, []byte{PINNever, TouchCached}), tlv(3, []byte{originImported}))
		if !bytes.HasPrefix(metadata, want) {
			t.Errorf("%T: metadata %X", key, metadata)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	manage(t, c)
	_, short := importCommand(t, rsaKey(1024))
	zero := append(tlv(1, make([]byte, 128)), tlv(2, make([]byte, 128))...)
	composite := bytes.Repeat([]byte{0xFF}, 128)
	for name, test := range map[string]struct {
		header string
		data   []byte
	}{
		"an RSA key of another length": {"00FE079A", short},
		"primes that are 0":            {"00FE079A", zero},
		"primes that are not prime":    {"00FE079A", append(tlv(1, composite), tlv(2, composite)...)},
		"half an RSA key":              {"00FE069A", short[:66]},
		"no key":                       {"00FE119A", nil},
		"a scalar of another length":   {"00FE119A", tlv(6, make([]byte, 31))},
		"a scalar that is 0":           {"00FE119A", tlv(6, make([]byte, 32))},
		"Ed25519 before 5.7":           {"00FEE09A", tlv(7, make([]byte, 32))},
		"a slot that there is not":     {"00FE1199", tlv(6, bytes.Repeat([]byte{1}, 32))},
		"a policy that there is not":   {"00FE119A", append(tlv(6, bytes.Repeat([]byte{1}, 32)), 0xAA, 1, 9)},
		"something not a template":     {"00FE119A", []byte{6, 32, 1}},
	} {
		if _, status := askLong(t, c, test.header, test.data); status != "6A80" {
			t.Errorf("%s: %s", name, status)
		}
	}
	late := newTestCard(t, Options{Firmware: "5.7.1"})
	manage(t, late)
	for _, header := range []string{"00FEE09A", "00FEE19A"} {
		if _, status := askLong(t, late, header, tlv(7, []byte{1})); status != "6A80" {
			t.Errorf("%s of one byte: %s", header, status)
		}
	}
}

func TestMoveKey(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{Firmware: "5.7.1"})
	for _, slot := range []byte{0x9A, 0x9C} {
		if err := c.PutKey(slot, ed25519Key(), Policy{PIN: PINAlways}); err != nil {
			t.Fatal(err)
		}
	}
	manage(t, c)
	play(t, c,
		step{"00F69C9A", "6A86"}, // over another key
		step{"00F69A9A", "6A86"}, // onto itself
		step{"00F6969A", "6A86"},
		step{"00F6829D", "6A88"}, // an empty slot
		step{"00F6829A", "9000"},
		step{"00F70082", "0101E0 02020301..."}, // with its policy
		step{"00F7009A", "6A88"},
		step{"00F6FF82", "9000"},
		step{"00F70082", "6A88"},
	)
	if c.PublicKey(0x82) != nil || c.PublicKey(0x9C) == nil {
		t.Error("the wrong key was deleted")
	}
}
