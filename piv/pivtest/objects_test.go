package pivtest

import (
	"bytes"
	"fmt"
	"testing"
)

func TestObjects(t *testing.T) {
	t.Parallel()
	const get = "00CB3FFF 05 5C035FC102"
	c := newTestCard(t, Options{})
	play(t, c,
		step{get, "6A82"},
		step{"00CB3FFF 03 5C017E", "7E12 4F0B A000000308000010000100 5F2F024000 9000"},
		step{"00CB0000 05 5C035FC102", "6A86"},
		step{"00CB3FFF 02 5C00", "6A80"},
		step{"00CB3FFF 06 5C045FC10200", "6A80"},
		step{"00CB3FFF 05 5D035FC102", "6A80"},
		step{"00CB3FFF", "6A80"},
		step{"00DB3FFF 09 5C035FC102 5302AABB", "6982"},
	)
	manage(t, c)
	play(t, c,
		step{"00DB3FFF 09 5C035FC102 5302AABB", "9000"},
		step{get, "5302AABB 9000"},
		step{"00DB0000 09 5C035FC102 5302AABB", "6A86"},
		step{"00DB3FFF 09 5C035FC102 5402AABB", "6A80"},
		step{"00DB3FFF 05 5C035FC102", "6A80"},
		step{"00DB3FFF 07 5C017E 5302AABB", "6A80"}, // the discovery object is the card's
		step{"00DB3FFF 09 5C036FC102 5302AABB", "6A80"},
		step{get, "5302AABB 9000"},
		step{"00DB3FFF 07 5C035FC102 5300", "9000"}, // deleted
		step{get, "6A82"},
		step{"00DB3FFF 09 5C035FFF00 5302AABB", "9000"}, // Yubico's own
		step{"00CB3FFF 05 5C035FFF00", "5302AABB 9000"},
	)
	if got := c.Object(0x5FFF00); !bytes.Equal(got, []byte{0xAA, 0xBB}) {
		t.Errorf("object %X", got)
	}
	c.PutObject(0x5FFF00, nil)
	play(t, c, step{"00CB3FFF 05 5C035FFF00", "6A82"})
}

// Fingerprints, face, printed information and iris are read with the PIN, and whether
// they are there is told then only.
func TestObjectsThatNeedThePIN(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"5FC103", "5FC108", "5FC109", "5FC121"} {
		c := newTestCard(t, Options{})
		get := "00CB3FFF 05 5C03" + tag
		play(t, c, step{get, "6982"}, step{hexPIN, "9000"}, step{get, "6A82"})
	}
	c := newTestCard(t, Options{})
	c.PutObject(0x5FC109, []byte{1})
	play(t, c, step{hexPIN, "9000"}, step{"00CB3FFF 05 5C035FC109", "530101 9000"})
}

func TestObjectsHaveALimit(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	manage(t, c)
	for size, want := range map[int]string{maximumObject: "9000", maximumObject + 1: "6A84"} {
		data := concat(unhex(t, "5C035FC105"), tlv(0x53, make([]byte, size)))
		if _, status := askLong(t, c, "00DB3FFF", data); status != want {
			t.Errorf("%d bytes: %s, want %s", size, status, want)
		}
	}
}

// The certificate of each slot is in its object, as a host expects it.
func TestCertificates(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	certificate := c.Certificate(attestationSlot)
	if certificate == nil {
		t.Fatal("no attestation certificate")
	}
	for slot, object := range map[byte]uint32{
		0x9A: 0x5FC105, 0x9C: 0x5FC10A, 0x9D: 0x5FC10B, 0x9E: 0x5FC101, 0x82: 0x5FC10D, 0x95: 0x5FC120, 0xF9: 0x5FFF01,
	} {
		if slot != attestationSlot && c.Certificate(slot) != nil {
			t.Errorf("slot %02X has one already", slot)
		}
		c.PutCertificate(slot, certificate)
		data, status := ask(t, c, fmt.Sprintf("00CB3FFF 05 5C03%06X", object))
		want := tlv(0x53, tlv(0x70, certificate.Raw), tlv(0x71, []byte{0}), tlv(0xFE))
		if status != "9000" || !bytes.Equal(data, want) || !c.Certificate(slot).Equal(certificate) {
			t.Errorf("slot %02X: %s", slot, status)
		}
	}
}
