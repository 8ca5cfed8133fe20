// Package ber takes apart what is written in ASN.1's basic encoding (ITU-T X.690), of which DER is
// one way of writing. It is for formats whose files come as BER too, which encoding/asn1 refuses:
// certificates, PKCS#7 and PKCS#12.
//
//	der, rest, err := ber.DER(data) // the first element
//	fields := ber.PartsOf(der)
//	if ber.Shape(fields) == "ssb" { ... } // sequence, sequence, bit string
//
// It refuses what is nested more than 64 deep, and lengths of more than four bytes.
package ber

import (
	"bytes"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"slices"
)

// maxDepth is how deep ASN.1 can be nested. A certificate needs about ten levels.
const maxDepth = 64

// Errors to branch on. Who knows what the data should be says so.
var (
	// ErrNotASN1: the data was never ASN.1.
	ErrNotASN1 = errors.New("not ASN.1")
	// ErrCut: the data ends too early.
	ErrCut = errors.New("cut short")
)

// DER returns the first element of BER as DER, and what follows it. It does so as far as BER
// occurs: lengths that are not known at the start, lengths with zeros before them, and octet
// strings in pieces. DER comes out as it went in.
func DER(data []byte) (der, rest []byte, err error) { return rewrite(data, 0, false) }

// Definite is DER, but leaves everything as it is that says its length at the start, however it
// says it: a signature is over these very bytes. Where a length is not known at the start the
// signature is over the DER (ITU-T X.509 section 6.2.1).
func Definite(data []byte) (definite, rest []byte, err error) { return rewrite(data, 0, true) }

func rewrite(data []byte, depth int, keep bool) (element, rest []byte, err error) {
	h, err := parseHeader(data)
	if err != nil {
		return nil, nil, err
	}
	if depth > maxDepth {
		return nil, nil, ErrNotASN1
	}
	content := data[h.size:]
	if h.length > len(content) {
		return nil, nil, ErrCut
	}
	if !h.indefinite {
		content, rest = content[:h.length], content[h.length:]
	}
	body := content
	if h.constructed() {
		if body, content, err = rewriteAll(content, depth+1, keep, h.indefinite); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case h.indefinite:
		rest = content
	case keep && bytes.Equal(body, data[h.size:h.size+h.length]):
		return data[:h.size+h.length], rest, nil
	}
	if h.tag[0] == 0x20|asn1.TagOctetString {
		whole, err := Join(body)
		return Element(asn1.TagOctetString, whole), rest, err
	}
	return appendElement(h.tag, body), rest, nil
}

// rewriteAll rewrites elements up to the end, or up to the mark that stands for it.
func rewriteAll(data []byte, depth int, keep, marked bool) (body, rest []byte, err error) {
	for marked || len(data) > 0 {
		if marked && bytes.HasPrefix(data, []byte{0, 0}) {
			return body, data[2:], nil
		}
		var element []byte
		if element, data, err = rewrite(data, depth, keep); err != nil {
			return nil, nil, err
		}
		body = append(body, element...)
	}
	return body, nil, nil
}

// First returns the first element of data as it is written, and what is in it; nil if there is none
// that says its length at the start.
func First(data []byte) (element, content []byte) {
	h, err := parseHeader(data)
	if err != nil || h.indefinite || h.length > len(data)-h.size {
		return nil, nil
	}
	end := h.size + h.length
	return data[:end], data[h.size:end]
}

// Element returns an element with that tag, as DER.
func Element(tag byte, contents ...[]byte) []byte {
	return appendElement([]byte{tag}, slices.Concat(contents...))
}

// header is what stands before the content of an element.
type header struct {
	tag        []byte
	size       int // of the header
	length     int // of the content
	indefinite bool
}

func (h header) constructed() bool { return h.tag[0]&0x20 != 0 }

func parseHeader(ber []byte) (header, error) {
	var h header
	n := 1
	if len(ber) > 0 && ber[0]&0x1f == 0x1f {
		for n < len(ber) && ber[n]&0x80 != 0 {
			n++
		}
		n++
	}
	if n >= len(ber) {
		return h, ErrCut
	}
	if ber[0] == 0 || n > 5 {
		return h, ErrNotASN1
	}
	h.tag, h.length = ber[:n], int(ber[n])
	n++
	if h.length >= 0x80 {
		digits := h.length & 0x7f
		h.indefinite, h.length = digits == 0, 0
		if digits > 4 || h.indefinite && h.tag[0]&0x20 == 0 {
			return h, ErrNotASN1
		}
		if n+digits > len(ber) {
			return h, ErrCut
		}
		for _, digit := range ber[n : n+digits] {
			h.length = h.length<<8 | int(digit)
		}
		n += digits
	}
	h.size = n
	if h.length < 0 { // an int of 32 bits
		return h, ErrNotASN1
	}
	return h, nil
}

func appendElement(tag, content []byte) []byte {
	length := []byte{byte(len(content))}
	if len(content) >= 0x80 {
		digits := bytes.TrimLeft(binary.BigEndian.AppendUint32(nil, uint32(len(content))), "\x00")
		length = append([]byte{0x80 | byte(len(digits))}, digits...)
	}
	return slices.Concat(tag, length, content)
}

// Join returns what octet strings that stand one after the other hold together.
func Join(der []byte) ([]byte, error) {
	pieces, err := Elements(der)
	var whole []byte
	for _, part := range pieces {
		if part.Class != asn1.ClassUniversal || part.Tag != asn1.TagOctetString {
			return nil, ErrNotASN1
		}
		whole = append(whole, part.Bytes...)
	}
	return whole, err
}

// Elements returns the elements that stand one after the other, each of which says its length at the
// start, however it says it.
func Elements(data []byte) ([]asn1.RawValue, error) {
	var all []asn1.RawValue
	for len(data) > 0 {
		element, content := First(data)
		if element == nil {
			return nil, ErrNotASN1
		}
		e := asn1.RawValue{Class: int(element[0] >> 6), Tag: int(element[0] & 0x1f), IsCompound: element[0]&0x20 != 0}
		if e.Tag == 0x1f { // in the bytes that follow
			e.Tag = longTag(element[1:])
		}
		e.Bytes, e.FullBytes = content, element
		all, data = append(all, e), data[len(element):]
	}
	return all, nil
}

func longTag(data []byte) int {
	tag := 0
	for _, b := range data {
		if tag = tag<<7 | int(b&0x7f); b&0x80 == 0 {
			break
		}
	}
	return tag
}

// Parts returns the elements of which a constructed one is made; nil: it is not one, or broken.
func Parts(e asn1.RawValue) []asn1.RawValue {
	if !e.IsCompound {
		return nil
	}
	all, _ := Elements(e.Bytes)
	return all
}

// PartsOf is Parts of an element as DER.
func PartsOf(der []byte) []asn1.RawValue {
	all, err := Elements(der)
	if err != nil || len(all) != 1 {
		return nil
	}
	return Parts(all[0])
}

// Shape writes the kinds of elements as a word, a letter each: what something is shows in it.
func Shape(all []asn1.RawValue) string {
	letters := map[int]byte{
		asn1.TagInteger: 'i', asn1.TagBitString: 'b', asn1.TagOctetString: 'x', asn1.TagOID: 'o',
		asn1.TagSequence: 's', asn1.TagSet: 'S', asn1.TagUTCTime: 't', asn1.TagGeneralizedTime: 't',
	}
	word := make([]byte, len(all))
	for i, e := range all {
		word[i] = '?'
		if e.Class == asn1.ClassContextSpecific && e.Tag < 10 {
			word[i] = '0' + byte(e.Tag)
		} else if letter, ok := letters[e.Tag]; ok && e.Class == asn1.ClassUniversal {
			word[i] = letter
		}
	}
	return string(word)
}

// OID returns an object identifier in dots; "" if it is not one.
func OID(e asn1.RawValue) string {
	var oid asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(e.FullBytes, &oid); err != nil {
		return ""
	}
	return oid.String()
}
