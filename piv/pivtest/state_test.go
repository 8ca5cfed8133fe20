package pivtest

import (
	"crypto"
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// A card that is saved and loaded is the same, and has forgotten its session.
func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{
		Firmware: "5.7.1", Serial: 77, PIN: "654321", PUK: "87654321", PINTries: 7,
		TouchTime: time.Second, Quirks: Quirks{SignEmpty: 0x6985},
	})
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	slots := map[byte]crypto.PrivateKey{0x9A: rsaKey(2048), 0x9C: ecKey(t, elliptic.P384()), 0x9D: ed25519Key(), 0x95: x25519}
	for slot, key := range slots {
		if err := c.PutKey(slot, key, Policy{Touch: TouchCached, Generated: slot == 0x9A}); err != nil {
			t.Fatal(err)
		}
	}
	c.PutObject(0x5FC102, []byte("CHUID"))
	manage(t, c)
	play(t, c,
		step{"00FFFFFE 13 089B10 404142434445464748494A4B4C4D4E4F", "9000"},
		step{"00200080 08 393939393939FFFF", "63C6"},
	)
	loaded := reload(t, c)
	if loaded.Firmware() != "5.7.1" || loaded.Serial() != 77 || loaded.PINTriesLeft() != 6 || loaded.chip.piv.options.TouchTime != time.Second {
		t.Errorf("%s, %d, %d tries, %v", loaded.Firmware(), loaded.Serial(), loaded.PINTriesLeft(), loaded.chip.piv.options.TouchTime)
	}
	for slot := range slots {
		if !equalKeys(c.PublicKey(slot), loaded.PublicKey(slot)) {
			t.Errorf("slot %02X: another key", slot)
		}
	}
	// All that is told without secrets is told again.
	for _, command := range []string{"00F70080", "00F70081", "00F7009B", "00F7009A", "00F7009C", "00F7009D", "00F70095", "00F700F9", "00CB3FFF 05 5C035FC102", "00CB3FFF 05 5C035FFF01", "0087119E 04 7C028100"} {
		was, status := ask(t, c, command)
		play(t, loaded, step{command, hexUpper(was) + status})
	}
	play(t, loaded, step{"00DB3FFF 09 5C035FC102 5302AABB", "6982"}, step{"00200080 08 363534333231FFFF", "9000"})
	if status := mutual(t, loaded, algAES128, unhex(t, "404142434445464748494A4B4C4D4E4F")); status != "9000" {
		t.Errorf("the management key: %s", status)
	}
	if _, status := ask(t, loaded, "00F99A00"); status != "9000" {
		t.Errorf("attestation: %s", status)
	}
}

func hexUpper(b []byte) string { return strings.ToUpper(hexOf(b)) }

// reload saves and loads a card, and selects PIV.
func reload(t *testing.T, c *Card) *Card {
	t.Helper()
	saved, err := c.Save()
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadCard(saved)
	if err != nil {
		t.Fatal(err)
	}
	loaded.Transmit(unhex(t, hexSelect))
	return loaded
}

// A card can be put back to what it was, where it is: without its session, and with what a test
// has counted and injected.
func TestRestore(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	if err := c.PutKey(0x9A, rsaKey(2048), Policy{}); err != nil {
		t.Fatal(err)
	}
	c.PutObject(0x5FC105, []byte("certificate"))
	saved, err := c.Save()
	if err != nil {
		t.Fatal(err)
	}
	manage(t, c)
	c.Inject(Fault{INS: insGetSerial, SW: 0x6F00})
	play(t, c,
		step{"00FFFFFE 1B 039B18 404142434445464748494A4B4C4D4E4F5051525354555657", "9000"},
		step{"00DB3FFF 07 5C035FC105 5300", "9000"},
		step{hexWrongPIN, "63C2"},
	)
	if err := c.PutKey(0x9A, ecKey(t, elliptic.P256()), Policy{}); err != nil {
		t.Fatal(err)
	}
	if err := c.Restore(saved); err != nil {
		t.Fatal(err)
	}
	play(t, c, step{hexQuery, "6D00"}, step{hexSelect, "61..."}, step{"00F80000", "6F00"}, step{hexQuery, "63C3"})
	if !equalKeys(c.PublicKey(0x9A), rsaKey(2048).Public()) || string(c.Object(0x5FC105)) != "certificate" || c.WrongPINs() != 1 {
		t.Errorf("%v, %q, %d wrong PINs", c.PublicKey(0x9A), c.Object(0x5FC105), c.WrongPINs())
	}
	manage(t, c)
	for what, other := range map[string]Options{"serial": {Serial: 7}, "firmware": {Firmware: "5.7.1"}} {
		if err := newTestCard(t, other).Restore(saved); err == nil {
			t.Errorf("it is restored over another %s", what)
		}
	}
	if err := c.Restore([]byte("{}")); err == nil {
		t.Error("nothing is restored")
	}
}

// Cards of other kinds stay such.
func TestSaveOtherKinds(t *testing.T) {
	t.Parallel()
	play(t, reload(t, newTestCard(t, Options{NoPIV: true})), step{hexSelect, "6A82"})
	play(t, reload(t, newTestCard(t, Options{Maker: OtherMaker})), step{hexQuery, "63C3"}, step{"00FD0000", "6D00"})
}

// What is not a card is refused, and shown to nobody: there may be a PIN in it.
func TestLoadCardRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "{}", "nonsense", "[]", `{"Firmware": "5.4.3"}`, `{"Firmware": "secret"}`,
		`{"Firmware": "5.4.3", "AttestationKey": "c2VjcmV0"}`,
		`{"Firmware": "5.4.3", "ManagementKey": "c2VjcmV0"}`,
		`{"Firmware": "5.4.3", "Keys": {"154": {"Private": "c2VjcmV0"}}}`,
	} {
		if _, err := LoadCard([]byte(text)); err == nil {
			t.Errorf("%s is a card", text)
		}
	}
}
