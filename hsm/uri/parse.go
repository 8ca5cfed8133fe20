package uri

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// SyntaxError says what is wrong with an address, and where.
type SyntaxError struct {
	// URI is the address, cut off where something like a PIN begins.
	URI string

	// Column counts characters from 1.
	Column int

	// Problem says what is wrong and what to write instead. It holds no PIN.
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("address %q, column %d: %s", e.URI, e.Column, e.Problem)
}

// secret finds the names behind which people put a PIN, rightly spelt or not. pin-source is among
// them, though it is not a secret. Compiled when an error needs it: most runs have none.
var secret = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:^|[:;?&\s])pin[-_a-z]*|pin[-_]?val[a-z]*`)
})

// redact cuts an address off behind the first name of a PIN. It does not stop
// at the next separator, since the PIN may hold one.
func redact(text string) string {
	for _, at := range secret().FindAllStringIndex(text, -1) {
		name := strings.Trim(text[at[0]:at[1]], ":;?& \t\r\n")
		if !strings.EqualFold(name, "pin-source") && at[1] < len(text) {
			return text[:at[1]] + "=..."
		}
	}
	return text
}

// Parse reads an address. Its errors are *SyntaxError and tell of the first
// mistake.
func Parse(s string) (URI, error) {
	if len(s) < len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) {
		return URI{}, parser{s}.fail(0, `it does not begin with "pkcs11:"; write pkcs11:token=NAME;object=NAME`)
	}
	// The first "?" ends the path; in the query it is a character like others (RFC 7512
	// section 2.3).
	path, query, _ := strings.Cut(s[len(scheme):], "?")
	u, err := parser{s}.addPart(URI{}, inPath, len(scheme), path)
	if err != nil {
		return URI{}, err
	}
	return parser{s}.addPart(u, inQuery, len(scheme)+len(path)+len("?"), query)
}

// parser knows the whole text, so that its errors can say where they are.
type parser struct{ text string }

// fail returns the error for the character at a byte offset.
func (p parser) fail(offset int, format string, args ...any) error {
	return &SyntaxError{
		URI:     redact(p.text),
		Column:  utf8.RuneCountInString(p.text[:offset]) + 1,
		Problem: fmt.Sprintf(format, args...),
	}
}

// addPart adds the attributes of one part, which begins at offset.
func (p parser) addPart(u URI, where part, offset int, text string) (URI, error) {
	if text == "" {
		return u, nil
	}
	for field := range strings.SplitSeq(text, string(where.separator())) {
		a, err := p.attribute(where, offset, field)
		if err != nil {
			return URI{}, err
		}
		// RFC 7512 section 2.3 forbids it for its own attributes; for a vendor's, nobody
		// could say which of two was meant.
		if _, ok := u.Get(a.name); ok {
			return URI{}, p.fail(offset, "%s is given twice; leave one out", a.name)
		}
		u = u.insert(a)
		offset += len(field) + 1
	}
	return u, nil
}

// attribute reads name=value, which begins at offset.
func (p parser) attribute(where part, offset int, field string) (attribute, error) {
	name, raw, ok := strings.Cut(field, "=")
	if err := p.checkName(where, offset, name); err != nil {
		return attribute{}, err
	}
	valueAt := offset + len(name)
	if !ok {
		return attribute{}, p.fail(valueAt, "%s has no value; write %s=VALUE", name, name)
	}
	value, err := p.decode(where, valueAt+1, raw)
	if err != nil {
		return attribute{}, err
	}
	if i := lookUp(name); i >= 0 && definitions[i].check != nil {
		if problem := definitions[i].check(value); problem != "" {
			return attribute{}, p.fail(valueAt+1, "%s", problem)
		}
	}
	return attribute{name: name, value: value, part: where}, nil
}

// checkName returns an error unless an attribute of that name may stand there.
func (p parser) checkName(where part, offset int, name string) error {
	if name == "" {
		return p.fail(offset, "an attribute is missing here; write NAME=VALUE, or one %q less", where.separator())
	}
	if name == namePINValue {
		return p.fail(offset, "a PIN must not stand in an address; give pin-source or the setting pin in place of pin-value")
	}
	if i := lookUp(name); i >= 0 {
		if belongs := definitions[i].part; belongs != where {
			return p.fail(offset, "%s belongs %v", name, belongs)
		}
		return nil
	}
	if strings.HasPrefix(name, vendorPrefix) && isName(name) {
		return nil
	}
	return p.fail(offset, "%s", unknown(where, name))
}

// isName reports whether a name has only characters that a name may have. Names
// are never percent-encoded.
func isName(name string) bool {
	for i := range len(name) {
		if !isNameByte(name[i]) {
			return false
		}
	}
	return true
}

// unknown says that there is no such attribute. Text that cannot be a name may be a PIN with
// something wrong around it, so it is not shown.
func unknown(where part, name string) string {
	if !isName(name) {
		return "this is not an attribute; " + where.String() + " there can be " + namesIn(where)
	}
	lower := strings.ToLower(name)
	if instead, ok := meant[strings.ReplaceAll(lower, "_", "-")]; ok {
		return fmt.Sprintf("there is no attribute %q; did you mean %s (%v)?", name, instead, definitions[lookUp(instead)].part)
	}
	if lookUp(lower) >= 0 {
		return fmt.Sprintf("there is no attribute %q; write it %s", name, lower)
	}
	return fmt.Sprintf("there is no attribute %q; %v there can be %s", name, where, namesIn(where))
}

// decode undoes the percent-encoding of a value that begins at offset.
func (p parser) decode(where part, offset int, raw string) (string, error) {
	// Bytes, not runes: an id is binary, and labels need not be UTF-8.
	value := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '%':
			b, ok := unhex(raw[i+1:])
			if !ok {
				return "", p.fail(offset+i, "%% must be followed by two hexadecimal digits; a %% itself is written %%25")
			}
			value = append(value, b)
			i += 2
		case isPlain(c, where):
			value = append(value, c)
		default:
			return "", p.fail(offset+i, "%s", misplaced(where, raw[i:]))
		}
	}
	return string(value), nil
}

// unhex returns the byte that the first two hexadecimal digits of s stand for.
func unhex(s string) (byte, bool) {
	if len(s) < 2 {
		return 0, false
	}
	high, low := digit(s[0]), digit(s[1])
	return high<<4 | low, high < 16 && low < 16
}

// digit returns the value of a hexadecimal digit; 255 if it is not one.
func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// misplaced says that the first character of rest must be percent-encoded. If it
// is the other part's separator, it was most likely meant as one.
func misplaced(where part, rest string) string {
	_, size := utf8.DecodeRuneInString(rest)
	var encoded strings.Builder
	attribute{name: nameID, value: rest[:size]}.encode(&encoded)
	problem := fmt.Sprintf("%q must be written %s", rest[:size], encoded.String())
	if rest[0] == '\\' {
		problem += ", or in a path /: C:/path/to/library.dll"
	}
	if other := inQuery - where; rest[0] == other.separator() {
		problem += fmt.Sprintf("; attributes %v are separated by %q", where, where.separator())
	}
	return problem
}
