package pivtest

import (
	"bytes"
	"crypto/elliptic"
	"testing"
)

func TestMetadata(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{PINTries: 5})
	play(t, c,
		step{hexWrongPIN, "63C4"},
		step{"00F70080", "0101FF 050101 06020504 9000"},
		step{"00F70081", "0101FF 050101 06020303 9000"},
		step{"00F7009B", "010103 02020001 050101 9000"},
		step{"00F70180", "6A86"},
		step{"00F7009A", "6A88"},
		step{"00F70001", "6A88"},
		step{"00F700F9", "010111 02020101 030101..."},
		step{"00240080 10 313233343536FFFF 363534333231FFFF", "9000"},
		step{"00240081 10 3132333435363738 3837363534333231", "9000"},
		step{"00F70080", "0101FF 050100 06020505 9000"},
		step{"00F70081", "0101FF 050100 06020303 9000"},
		step{"00240080 10 363534333231FFFF 313233343536FFFF", "9000"},
		step{"00F70080", "0101FF 050101 06020505 9000"}, // the factory's again
	)
	play(t, newTestCard(t, Options{Firmware: "5.7.1"}), step{"00F7009B", "01010A 02020001 050101 9000"})
	own := newTestCard(t, Options{PIN: "654321", ManagementKey: make([]byte, 24)})
	play(t, own, step{"00F70080", "0101FF 050100..."}, step{"00F7009B", "010103 02020001 050100 9000"})
	play(t, newTestCard(t, Options{Quirks: Quirks{MetadataEmpty: 0x9000}}), step{"00F7009A", "9000"})
}

func TestMetadataOfKeys(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	ec := ecKey(t, elliptic.P384())
	if err := c.PutKey(0x9C, rsaKey(2048), Policy{Touch: TouchAlways, Generated: true}); err != nil {
		t.Fatal(err)
	}
	if err := c.PutKey(0x9D, ec, Policy{PIN: PINNever}); err != nil {
		t.Fatal(err)
	}
	point, err := ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for slot, want := range map[string][]byte{
		"9C": concat(unhex(t, "010107 02020302 030101"), tlv(4, tlv(0x81, rsaKey(2048).N.Bytes()), tlv(0x82, []byte{1, 0, 1}))),
		"9D": concat(unhex(t, "010114 02020101 030102"), tlv(4, tlv(0x86, point))),
	} {
		if data, status := ask(t, c, "00F700"+slot); status != "9000" || !bytes.Equal(data, want) {
			t.Errorf("slot %s: %X %s", slot, data, status)
		}
	}
}
