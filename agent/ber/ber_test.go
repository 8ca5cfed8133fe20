package ber_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRewriting(t *testing.T) {
	for _, test := range []struct {
		name, data, der, definite, rest string
	}{
		{"DER", "3003020101", "3003020101", "3003020101", ""},
		{"more behind", "3003020101ffff", "3003020101", "3003020101", "ffff"},
		{"a long length", "30810402810101", "3003020101", "30810402810101", ""},
		{"an open length", "30800201010000", "3003020101", "3003020101", ""},
		{"an open length around a long one", "3080028101010000aa", "3003020101", "300402810101", "aa"},
		{"an open length within a long one", "30810730800201010000", "30053003020101", "30053003020101", ""},
		{"an octet string in pieces", "24060401aa0401bb", "0402aabb", "24060401aa0401bb", ""},
		{"an octet string in pieces, open", "24800401aa0401bb0000", "0402aabb", "0402aabb", ""},
	} {
		der, rest, err := ber.DER(unhex(t, test.data))
		if hex.EncodeToString(der) != test.der || hex.EncodeToString(rest) != test.rest || err != nil {
			t.Errorf("%s: DER %x, rest %x, %v", test.name, der, rest, err)
		}
		definite, rest, err := ber.Definite(unhex(t, test.data))
		if hex.EncodeToString(definite) != test.definite || hex.EncodeToString(rest) != test.rest || err != nil {
			t.Errorf("%s: definite %x, rest %x, %v", test.name, definite, rest, err)
		}
	}
}

func TestNotBER(t *testing.T) {
	for data, want := range map[string]error{
		"": ber.ErrCut, "30": ber.ErrCut, "3005020101": ber.ErrCut, "3080020101": ber.ErrCut, "0080": ber.ErrNotASN1, "0480": ber.ErrNotASN1,
	} {
		if _, _, err := ber.Definite(unhex(t, data)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", data, err, want)
		}
	}
	if _, _, err := ber.Definite(bytes.Repeat([]byte{0x30, 0x80}, 100)); !errors.Is(err, ber.ErrNotASN1) {
		t.Errorf("nested for ever: %v", err)
	}
}

// FuzzDefinite: what was rewritten stays as it is, and both ways mean the same DER.
func FuzzDefinite(f *testing.F) {
	f.Add([]byte{0x30, 0x80, 0x24, 0x80, 0x04, 0x01, 'a', 0, 0, 0, 0})
	f.Add([]byte{0x30, 0x81, 0x03, 0x02, 0x01, 0x01})
	f.Fuzz(func(t *testing.T, data []byte) {
		definite, rest, err := ber.Definite(data)
		if err != nil {
			return
		}
		again, more, err := ber.Definite(definite)
		if err != nil || len(more) > 0 || !bytes.Equal(again, definite) || len(rest) > len(data) {
			t.Fatalf("%x becomes %x, %v", definite, again, err)
		}
		der, _, errOf := ber.DER(data)
		same, _, errAgain := ber.DER(definite)
		if !bytes.Equal(der, same) || (errOf == nil) != (errAgain == nil) {
			t.Fatalf("%x and %x: %x and %x", data, definite, der, same)
		}
	})
}
