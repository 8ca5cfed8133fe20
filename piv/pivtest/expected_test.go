package pivtest

import (
	"bytes"
	"testing"
)

// An answer has no more bytes than the command allows, and says how many are left
// (ISO 7816-4 section 5.3.4). OpenSC reads certificates into what it has asked for.
func TestExpectedLength(t *testing.T) {
	t.Parallel()
	const selectPIV, getObject = "\x00\xA4\x04\x00\x05\xA0\x00\x00\x03\x08", "\x00\xCB\x3F\xFF\x05\x5C\x03\x5F\xFF\x10"
	object := bytes.Repeat([]byte{0x55}, 300)
	for _, c := range []struct {
		name, command string
		size          int
		sw            uint16
	}{
		{"no Le", getObject, 256, 0x6130},
		{"Le 0", getObject + "\x00", 256, 0x6130},
		{"Le 8", getObject + "\x08", 8, 0x61FF},
		{"extended, Le 0", "\x00\xCB\x3F\xFF\x00\x00\x05\x5C\x03\x5F\xFF\x10\x00\x00", 304, 0x9000},
		{"extended, Le 300", "\x00\xCB\x3F\xFF\x00\x00\x05\x5C\x03\x5F\xFF\x10\x01\x2C", 300, 0x6104},
	} {
		card, err := NewCard(Options{})
		if err != nil {
			t.Fatal(err)
		}
		card.PutObject(0x5FFF10, object)
		card.Transmit([]byte(selectPIV))
		answer := card.Transmit([]byte(c.command))
		if n := len(answer) - 2; n != c.size || uint16(answer[n])<<8|uint16(answer[n+1]) != c.sw {
			t.Errorf("%s: %d bytes and %X; want %d and %04X", c.name, n, answer[n:], c.size, c.sw)
		}
	}
	card, err := NewCard(Options{})
	if err != nil {
		t.Fatal(err)
	}
	card.PutObject(0x5FFF10, object)
	card.Transmit([]byte(selectPIV))
	whole := card.Transmit([]byte(getObject + "\x64"))[:100]
	for _, piece := range []string{"\x64", "\xFF"} {
		answer := card.Transmit([]byte("\x00\xC0\x00\x00" + piece))
		whole = append(whole, answer[:len(answer)-2]...)
	}
	if !bytes.Equal(whole, append([]byte{0x53, 0x82, 0x01, 0x2C}, object...)) {
		t.Errorf("in three pieces: %X", whole)
	}
}
