package uri

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Scheme begins every address, before the colon. It is read in any case (RFC 3986 section 3.1).
const Scheme = "pkcs11"

// scheme is Scheme with the colon.
const scheme = Scheme + ":"

// URI is a PKCS#11 address. It does not change. The zero URI is "pkcs11:",
// which fits everything.
type URI struct {
	attributes []attribute // sorted by attribute.compare, no name twice
}

// attribute is a name and its decoded value.
type attribute struct {
	name  string
	value string
	part  part
}

// compare orders attributes as String writes them: path before query, in the
// order of definitions, vendors' own last and by name.
func (a attribute) compare(b attribute) int {
	return cmp.Or(
		cmp.Compare(a.part, b.part),
		cmp.Compare(uint(lookUp(a.name)), uint(lookUp(b.name))),
		cmp.Compare(a.name, b.name),
	)
}

// Scheme returns Scheme.
func (u URI) Scheme() string { return Scheme }

// Get returns the decoded value of an attribute, and whether the address has it.
// An empty value is not the same as none: it fits only what is empty.
func (u URI) Get(name string) (string, bool) {
	for _, a := range u.attributes {
		if a.name == name {
			return a.value, true
		}
	}
	return "", false
}

// ID returns the bytes of the attribute id (CKA_ID), and whether the address
// has it.
func (u URI) ID() ([]byte, bool) {
	id, ok := u.Get(nameID)
	if !ok {
		return nil, false
	}
	return []byte(id), true
}

// SlotID returns the number of the slot, and whether the address has it.
func (u URI) SlotID() (uint, bool) {
	text, ok := u.Get(nameSlotID)
	if !ok {
		return 0, false
	}
	slot, err := strconv.ParseUint(text, 10, bits.UintSize)
	return uint(slot), err == nil
}

// With returns the address with the attribute set to value, which is not
// encoded; that of id is raw bytes. Names that RFC 7512 does not know go before
// the "?". With checks nothing: what Parse refuses makes an address that does
// not parse. Only pin-value is not taken at all.
func (u URI) With(name, value string) URI {
	if name == namePINValue {
		return u
	}
	added := attribute{name: name, value: value, part: u.partOf(name)}
	return u.Without(name).insert(added)
}

// partOf returns where an attribute of that name stands, or would. A vendor's own
// can be in either part.
func (u URI) partOf(name string) part {
	for _, a := range u.attributes {
		if a.name == name {
			return a.part
		}
	}
	if i := lookUp(name); i >= 0 {
		return definitions[i].part
	}
	return inPath
}

// insert returns the address with one attribute more, which it must not have. It
// copies, because addresses share their attributes.
func (u URI) insert(added attribute) URI {
	at, _ := slices.BinarySearchFunc(u.attributes, added, attribute.compare)
	return URI{attributes: slices.Insert(slices.Clone(u.attributes), at, added)}
}

// Without returns the address without the attributes of these names.
func (u URI) Without(names ...string) URI {
	var kept []attribute
	for _, a := range u.attributes {
		if !slices.Contains(names, a.name) {
			kept = append(kept, a)
		}
	}
	return URI{attributes: kept}
}

// Equal reports whether both addresses have the same attributes with the same
// values, however they were written.
func (u URI) Equal(other URI) bool {
	return slices.Equal(u.attributes, other.attributes)
}

// String returns the address in one canonical form: attributes in the order of
// RFC 7512's grammar, id with each byte percent-encoded, and of the other values
// what must be.
func (u URI) String() string {
	var out strings.Builder
	out.WriteString(scheme)
	last := inPath
	for i, a := range u.attributes {
		switch {
		case a.part != last:
			out.WriteByte('?')
		case i > 0:
			out.WriteByte(a.part.separator())
		}
		last = a.part
		out.WriteString(a.name)
		out.WriteByte('=')
		a.encode(&out)
	}
	return out.String()
}

// MarshalText implements encoding.TextMarshaler with String.
func (u URI) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler with Parse.
func (u *URI) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*u = parsed
	return nil
}

// encode writes the value, percent-encoded. An id is binary, and one that shows
// some bytes as letters is hard to compare with what other tools print.
func (a attribute) encode(out *strings.Builder) {
	const hex = "0123456789abcdef"
	for i := range len(a.value) {
		c := a.value[i]
		if a.name != nameID && isPlain(c, a.part) {
			out.WriteByte(c)
			continue
		}
		out.WriteByte('%')
		out.WriteByte(hex[c>>4])
		out.WriteByte(hex[c&15])
	}
}

// isPlain reports whether a value in the part may hold c as it is: the
// unreserved characters of RFC 3986 section 2.3 and some of the reserved.
func isPlain(c byte, p part) bool {
	return isNameByte(c) || c == '.' || c == '~' || strings.IndexByte(p.reserved(), c) >= 0
}

// isNameByte reports whether a name may hold c (RFC 7512 section 2.3,
// pk11-v-attr-nm-char).
func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}
