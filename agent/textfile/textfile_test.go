package textfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/anaplan-agent/anaplan-agent/agent/textfile"
)

// asUTF16 encodes a text with its mark, as Windows PowerShell's > does.
func asUTF16(text string, order binary.AppendByteOrder) (data []byte) {
	for _, unit := range append([]uint16{0xfeff}, utf16.Encode([]rune(text))...) {
		data = order.AppendUint16(data, unit)
	}
	return data
}

func TestDecode(t *testing.T) {
	const text = "[profile.\"Größe 🔑\"]\r\n"
	for name, data := range map[string][]byte{
		"UTF-8":                       []byte(text),
		"UTF-8 with a mark":           []byte("\xef\xbb\xbf" + text),
		"UTF-16, the low byte first":  asUTF16(text, binary.LittleEndian),
		"UTF-16, the high byte first": asUTF16(text, binary.BigEndian),
	} {
		if marked := name != "UTF-8"; textfile.HasMark(data) != marked {
			t.Errorf("%s: a mark is seen: %v", name, !marked)
		}
		if got, err := textfile.Decode(data); err != nil || string(got) != text {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for name, data := range map[string]string{"empty": "", "DER": "\x30\x82\x01\x00", "not UTF-8": "\xff\x00", "a half mark": "\xef\xbb"} {
		if got, err := textfile.Decode([]byte(data)); err != nil || string(got) != data {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestDecodeNothingAfterTheMark(t *testing.T) {
	for _, mark := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		if got, err := textfile.Decode([]byte(mark)); err != nil || len(got) != 0 {
			t.Errorf("%q: got %q, %v", mark, got, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"half a character":          "\xff\xfea\x00b",
		"half a pair at the end":    "\xff\xfe\x3d\xd8",
		"half a pair before text":   "\xff\xfe\x3d\xd8a\x00",
		"the second half of a pair": "\xff\xfe\x11\xdda\x00",
	} {
		if got, err := textfile.Decode([]byte(data)); !errors.Is(err, textfile.ErrUTF16) || got != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\xff\xfea\x00"))
	f.Add([]byte("\xfe\xff\xd8\x3d\xdd\x11"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := textfile.Decode(data)
		if err == nil && bytes.HasPrefix(data, []byte("\xff\xfe")) {
			if !utf8.Valid(got) || !bytes.Equal(asUTF16(string(got), binary.LittleEndian), data) {
				t.Errorf("%q became %q", data, got)
			}
		}
	})
}
