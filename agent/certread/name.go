package certread

import (
	"bytes"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
)

// mendName writes a distinguished name (RFC 5280 section 4.1.2.4) with every text in UTF-8. What
// cannot be read at all becomes the empty name.
func (m *mender) mendName(what string, der []byte) []byte {
	var sets [][]byte
	for _, set := range ber.PartsOf(der) {
		var pairs [][]byte
		for _, pair := range ber.Parts(set) {
			fields := ber.Parts(pair)
			if len(fields) != 2 || ber.OID(fields[0]) == "" {
				m.fault(what + " has a part that is not a name and its value")
				continue
			}
			m.sayText(what, fields[1])
			pairs = append(pairs, ber.Element(tagSequence, fields[0].FullBytes, ber.Element(asn1.TagUTF8String, []byte(textOf(fields[1])))))
		}
		sets = append(sets, ber.Element(0x20|asn1.TagSet, pairs...))
	}
	if len(sets) == 0 {
		m.fault(what + " cannot be read")
	}
	return ber.Element(tagSequence, sets...)
}

// sayText says what is wrong with a text.
func (m *mender) sayText(what string, value asn1.RawValue) {
	text := textOf(value)
	switch {
	case !isText(value):
		m.fault(what + " has a value that is not text")
	case value.Tag == asn1.TagPrintableString && strings.ContainsFunc(text, notPrintable):
		at := strings.IndexFunc(text, notPrintable)
		first, _ := utf8.DecodeRuneInString(text[at:])
		m.fault(fmt.Sprintf("%s has %q in a PrintableString, which cannot hold it", what, first))
	case value.Tag == asn1.TagBMPString && len(value.Bytes)%2 != 0:
		m.fault(what + " has a BMPString of an odd number of bytes, and each character has two")
	case value.Tag == asn1.TagBMPString && strings.ContainsRune(text, utf8.RuneError):
		m.fault(what + " has a BMPString with characters that it cannot hold")
	case value.Tag == asn1.TagUTF8String && !utf8.Valid(value.Bytes):
		m.fault(what + " has a UTF8String that is not UTF-8")
	case value.Tag == asn1.TagIA5String && !isASCII(text):
		m.fault(what + " has an IA5String with characters other than ASCII")
	case value.Tag == asn1.TagNumericString && strings.Trim(text, "0123456789 ") != "":
		m.fault(what + " has a NumericString that is not a number")
	case value.Tag == tagUniversal || value.Tag == tagVisible || value.Tag == asn1.TagGeneralString || value.Tag == tagGraphic:
		m.fault(what + " has a value of a kind that names do not have")
	}
}

// Kinds of text for which encoding/asn1 has no name (ITU-T X.680 section 8.4).
const (
	tagGraphic   = 25
	tagVisible   = 26
	tagUniversal = 28
)

// isText reports whether a value is of one of the kinds of text.
func isText(value asn1.RawValue) bool {
	return value.Class == asn1.ClassUniversal && !value.IsCompound && slices.Contains([]int{
		asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagT61String, asn1.TagIA5String, asn1.TagBMPString, asn1.TagNumericString,
		asn1.TagGeneralString, tagGraphic, tagVisible, tagUniversal,
	}, value.Tag)
}

// notPrintable reports whether a PrintableString cannot have a character (ITU-T X.680 section
// 41.4). That crypto/x509 lets some others pass does not matter: it was asked first.
func notPrintable(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(" '()+,-./:=?", r))
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// textOf returns a text, whatever its kind says; what is none in hexadecimal, as RFC 4514 section
// 2.4 has it.
func textOf(value asn1.RawValue) string {
	switch {
	case !isText(value):
		return "#" + hex.EncodeToString(value.FullBytes)
	case value.Tag == asn1.TagBMPString:
		units := make([]uint16, len(value.Bytes)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(value.Bytes[2*i:])
		}
		return string(utf16.Decode(units))
	case value.Tag == tagUniversal:
		runes := make([]rune, len(value.Bytes)/4)
		for i := range runes {
			runes[i] = rune(binary.BigEndian.Uint32(value.Bytes[4*i:]))
		}
		return string(runes)
	}
	return decoded(value.Bytes)
}

// decoded returns text in UTF-8, or else in Latin-1, which is what programs write that take a
// byte for a character.
func decoded(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	runes := make([]rune, len(text))
	for i, b := range text {
		runes[i] = rune(b)
	}
	return string(runes)
}

// mendValidity writes both dates by the rules (RFC 5280 section 4.1.2.5); nil if one cannot be
// read.
func (m *mender) mendValidity(der []byte) []byte {
	var both [][]byte
	var odd, absent string
	for _, field := range ber.PartsOf(der) {
		at, ok := timeOf(field.Bytes, field.Tag == asn1.TagUTCTime)
		if !ok || field.Class != asn1.ClassUniversal {
			return nil
		}
		switch {
		case odd == "" && !byRule(field):
			odd = string(field.Bytes)
		case absent == "" && byRule(field) && !isMoment(field):
			absent = fmt.Sprintf("(%q), and counts as %s", field.Bytes, at.UTC().Format("2006-01-02 15:04:05"))
		}
		both = append(both, ber.Element(asn1.TagGeneralizedTime, []byte(at.UTC().Format("20060102150405Z"))))
	}
	if len(both) != 2 {
		return nil
	}
	if odd != "" {
		m.fault(fmt.Sprintf("its dates are not written as they should be (%q)", odd))
	}
	if absent != "" {
		m.fault("one of its dates is a day or a second that there is not " + absent)
	}
	return ber.Element(tagSequence, both...)
}

// byRule reports whether a date is as RFC 5280 section 4.1.2.5 wants it.
func byRule(date asn1.RawValue) bool {
	length := len("20060102150405Z")
	if date.Tag == asn1.TagUTCTime {
		length = len("060102150405Z")
	}
	digits, ok := strings.CutSuffix(string(date.Bytes), "Z")
	return ok && len(date.Bytes) == length && strings.Trim(digits, "0123456789") == ""
}

// isMoment reports whether there is the moment that a date names, which has the right form: there is
// no 30th of February, and leap seconds are not counted.
func isMoment(date asn1.RawValue) bool {
	layout := "20060102150405Z"
	if date.Tag == asn1.TagUTCTime {
		layout = "060102150405Z"
	}
	_, err := time.Parse(layout, string(date.Bytes))
	return err == nil
}

// timePattern is a date with the time of day, of which there can be less or more than the rules
// want (ITU-T X.680 sections 46 and 47): minutes, seconds, their fraction, and the difference to UTC; and
// what programs leave behind it.
var timePattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\d{4})(\d\d)(\d\d)(\d\d)(?:(\d\d)(\d\d)?)?(?:[.,]\d+)?(?:[Zz]|([+-])(\d\d):?(\d\d)?)?[ \x00]*$`)
})

// timeOf reads a date, whose year has two digits if it is short, or if it is written as a short one is
// while its tag says otherwise. One without its difference to UTC is taken for UTC: it is off by some hours
// at most.
func timeOf(text []byte, short bool) (time.Time, bool) {
	all := bytes.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if all < 0 {
		all = len(text)
	}
	century := string(text[:min(2, len(text))])
	switch {
	case short && all == len("20060102150405"):
		short = false
	case !short && all == len("060102150405") && century != "19" && century != "20":
		short = true
	}
	digits := 4
	if short {
		digits = 2
	}
	if len(text) < digits || len(text) > 40 {
		return time.Time{}, false
	}
	// The pattern sees the year in four digits, so that nothing has two meanings.
	year, err := strconv.Atoi(string(text[:digits]))
	switch {
	case err != nil:
		return time.Time{}, false
	case short && year < 50: // RFC 5280 section 4.1.2.5.1
		year += 2000
	case short:
		year += 1900
	}
	found := timePattern().FindStringSubmatch(fmt.Sprintf("%04d", year) + string(text[digits:]))
	if found == nil {
		return time.Time{}, false
	}
	number := func(i int) int { n, _ := strconv.Atoi(found[i]); return n }
	if number(2) < 1 || number(2) > 12 || number(3) < 1 || number(3) > 31 || number(4) > 24 || number(5) > 59 || number(6) > 60 {
		return time.Time{}, false
	}
	offset := time.Duration(number(8))*time.Hour + time.Duration(number(9))*time.Minute
	if found[7] == "-" {
		offset = -offset
	}
	at := time.Date(year, time.Month(number(2)), number(3), number(4), number(5), number(6), 0, time.UTC).Add(-offset)
	return at, at.Year() >= 0 && at.Year() <= 9999
}
