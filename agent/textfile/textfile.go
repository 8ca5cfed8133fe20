// Package textfile reads text as programs on Windows write it: Windows PowerShell's > writes
// UTF-16, and editors begin UTF-8 with a byte order mark.
//
// Everything that takes text from a file or a pipe uses it, except for PINs and passwords: what is
// doubtful there is refused, because a wrong guess costs a try.
package textfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrUTF16 says that a text begins as UTF-16 and goes on as something else.
var ErrUTF16 = errors.New("it begins as UTF-16 and is not: save it again, as UTF-8")

// The byte order marks (The Unicode Standard, section 23.8).
var (
	utf8Mark   = []byte("\xef\xbb\xbf")
	littleMark = []byte("\xff\xfe")
	bigMark    = []byte("\xfe\xff")
)

// HasMark reports whether a text begins with a byte order mark.
func HasMark(data []byte) bool {
	return IsUTF16(data) || bytes.HasPrefix(data, utf8Mark)
}

// IsUTF16 reports whether a text begins as UTF-16.
func IsUTF16(data []byte) bool {
	return bytes.HasPrefix(data, littleMark) || bytes.HasPrefix(data, bigMark)
}

// Decode returns a text as UTF-8 without a byte order mark. Data without a mark is returned as it
// is: DER, PKCS#12 and other files that are not text begin with none. UTF-16 becomes another slice,
// and the caller overwrites data that holds a key. The error is ErrUTF16.
func Decode(data []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(data, littleMark):
		return fromUTF16(data, binary.LittleEndian)
	case bytes.HasPrefix(data, bigMark):
		return fromUTF16(data, binary.BigEndian)
	}
	return bytes.TrimPrefix(data, utf8Mark), nil
}

// fromUTF16 decodes what comes after the mark.
func fromUTF16(data []byte, order binary.ByteOrder) ([]byte, error) {
	if len(data)%2 != 0 {
		return nil, ErrUTF16
	}
	units := make([]uint16, len(data)/2-1)
	defer clear(units)
	for i := range units {
		units[i] = order.Uint16(data[2+2*i:])
	}
	return toUTF8(units)
}

// toUTF8 writes into memory that is not moved: a growing buffer leaves copies behind.
func toUTF8(units []uint16) ([]byte, error) {
	text := make([]byte, 0, 3*len(units)) // no unit takes more, a pair takes 4
	for i := 0; i < len(units); i++ {
		r := rune(units[i])
		if utf16.IsSurrogate(r) {
			if i++; i == len(units) {
				return nil, ErrUTF16
			}
			if r = utf16.DecodeRune(r, rune(units[i])); r == utf8.RuneError {
				return nil, ErrUTF16
			}
		}
		text = utf8.AppendRune(text, r)
	}
	return text, nil
}
