package pivtest

import "bytes"

// tlv encodes a BER-TLV object (ISO 7816-4 section 5.2.2.2); a tag may have one to three
// bytes. The length has as few bytes as it can: clients that parse DER want that.
func tlv(tag uint32, parts ...[]byte) []byte {
	value := concat(parts...)
	var out []byte
	for shift := 16; shift >= 0; shift -= 8 {
		if b := byte(tag >> shift); b != 0 || len(out) > 0 || shift == 0 {
			out = append(out, b)
		}
	}
	switch n := len(value); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	default:
		out = append(out, 0x82, byte(n>>8), byte(n))
	}
	return append(out, value...)
}

// parseTLV reads one object with a tag of one byte, of which the data templates of commands
// consist. ok is false for anything else. Lengths may be longer than they need: BER allows it, and
// clients send them.
func parseTLV(data []byte) (tag byte, value, rest []byte, ok bool) {
	if len(data) < 2 {
		return 0, nil, nil, false
	}
	tag, length, data := data[0], int(data[1]), data[2:]
	if length >= 0x80 {
		size := length - 0x80
		if size == 0 || size > 2 || len(data) < size { // none is BER's indefinite length
			return 0, nil, nil, false
		}
		length = 0
		for _, b := range data[:size] {
			length = length<<8 | int(b)
		}
		data = data[size:]
	}
	if len(data) < length {
		return 0, nil, nil, false
	}
	return tag, data[:length], data[length:], true
}

// fields reads all objects of a template by their tags. Their order means nothing in any
// template of PIV; of two with one tag the last counts.
func fields(data []byte) (map[byte][]byte, bool) {
	found := map[byte][]byte{}
	for len(data) > 0 {
		tag, value, rest, ok := parseTLV(data)
		if !ok {
			return nil, false
		}
		found[tag], data = value, rest
	}
	return found, true
}

// concat joins in new memory: what is joined is often an object of the card.
func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
