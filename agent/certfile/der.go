package certfile

import (
	"bytes"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"slices"
)

// maxDepth is how deep ASN.1 can be nested. A certificate needs about ten levels.
const maxDepth = 64

// errNotASN1 is of data that was never ASN.1, errCut of what ends too early.
var (
	errNotASN1 = errors.New("not ASN.1")
	errCut     = errors.New("cut short")
)

// splitDER returns the elements that stand one after the other, as DER. Zeros and line ends after
// the last one are passed over: some tools pad.
func splitDER(data []byte) ([]piece, error) {
	var all []piece
	for len(bytes.TrimRight(data, "\x00\x1a\r\n\t ")) > 0 {
		der, rest, err := derOf(data, 0)
		if err != nil {
			return nil, err
		}
		all, data = append(all, piece{kind: kindOf(der), der: der}), rest
	}
	return all, nil
}

// derOf returns the first element of BER as DER, and what follows it. It does so as far as BER
// occurs: lengths that are not known at the start, lengths with zeros before them, and octet
// strings in pieces. DER comes out as it went in.
func derOf(ber []byte, depth int) (der, rest []byte, err error) {
	h, err := parseHeader(ber)
	if err != nil {
		return nil, nil, err
	}
	if depth > maxDepth {
		return nil, nil, errNotASN1
	}
	content := ber[h.size:]
	if h.length > len(content) {
		return nil, nil, errCut
	}
	if h.tag[0]&0x20 == 0 {
		return appendElement(h.tag, content[:h.length]), content[h.length:], nil
	}
	if !h.indefinite {
		content, rest = content[:h.length], content[h.length:]
	}
	var body []byte
	for {
		if h.indefinite && bytes.HasPrefix(content, []byte{0, 0}) {
			rest = content[2:]
			break
		}
		if !h.indefinite && len(content) == 0 {
			break
		}
		var child []byte
		if child, content, err = derOf(content, depth+1); err != nil {
			return nil, nil, err
		}
		body = append(body, child...)
	}
	if h.tag[0] == 0x20|asn1.TagOctetString {
		whole, err := joinStrings(body)
		return appendElement([]byte{asn1.TagOctetString}, whole), rest, err
	}
	return appendElement(h.tag, body), rest, nil
}

// header is what stands before the content of an element.
type header struct {
	tag        []byte
	size       int // of the header
	length     int // of the content
	indefinite bool
}

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
		return h, errCut
	}
	if ber[0] == 0 || n > 5 {
		return h, errNotASN1
	}
	h.tag, h.length = ber[:n], int(ber[n])
	n++
	if h.length >= 0x80 {
		digits := h.length & 0x7f
		h.indefinite, h.length = digits == 0, 0
		if digits > 4 || h.indefinite && h.tag[0]&0x20 == 0 {
			return h, errNotASN1
		}
		if n+digits > len(ber) {
			return h, errCut
		}
		for _, digit := range ber[n : n+digits] {
			h.length = h.length<<8 | int(digit)
		}
		n += digits
	}
	h.size = n
	if h.length < 0 { // an int of 32 bits
		return h, errNotASN1
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

// joinStrings returns what octet strings that stand one after the other hold together.
func joinStrings(der []byte) ([]byte, error) {
	parts, err := elements(der)
	var whole []byte
	for _, part := range parts {
		if part.Class != asn1.ClassUniversal || part.Tag != asn1.TagOctetString {
			return nil, errNotASN1
		}
		whole = append(whole, part.Bytes...)
	}
	return whole, err
}

// elements returns the elements of DER that stand one after the other.
func elements(der []byte) ([]asn1.RawValue, error) {
	var all []asn1.RawValue
	for len(der) > 0 {
		var e asn1.RawValue
		rest, err := asn1.Unmarshal(der, &e)
		if err != nil {
			return nil, errNotASN1
		}
		all, der = append(all, e), rest
	}
	return all, nil
}

// parts returns the elements of which a constructed one is made; nil: it is not one, or broken.
func parts(e asn1.RawValue) []asn1.RawValue {
	if !e.IsCompound {
		return nil
	}
	all, _ := elements(e.Bytes)
	return all
}

// partsOf is parts of an element as DER.
func partsOf(der []byte) []asn1.RawValue {
	all, err := elements(der)
	if err != nil || len(all) != 1 {
		return nil
	}
	return parts(all[0])
}

// shape writes the kinds of elements as a word, a letter each: what something is shows in it.
func shape(all []asn1.RawValue) string {
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

// oidOf returns an object identifier in dots; "" if it is not one.
func oidOf(e asn1.RawValue) string {
	var oid asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(e.FullBytes, &oid); err != nil {
		return ""
	}
	return oid.String()
}
