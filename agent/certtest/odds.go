package certtest

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"slices"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
)

// Odd is a way to break the rules.
type Odd struct {
	Name  string
	Fault string // a part of what package certread says of it

	change func(*Fields)
	whole  func([]byte) []byte // what is done to the signed certificate
}

// Make returns such a certificate for a key.
func (o Odd) Make(public crypto.PublicKey) []byte {
	der := Make(public, o.change)
	if o.whole != nil {
		der = o.whole(der)
	}
	return der
}

// Odds returns all ways. That they have the address and the dates of a sound one they have in
// common.
func Odds() []Odd {
	return slices.Concat(oddNumbers(), oddTexts(), oddAddresses(), oddExtensions(), oddTimes(), oddAlgorithms())
}

func serial(content ...byte) func(*Fields) {
	return func(f *Fields) { f.Serial = ber.Element(asn1.TagInteger, content) }
}

func oddNumbers() []Odd {
	return []Odd{
		{"negative serial", "its serial number is negative", serial(0x80, 1, 2), nil},
		{"non-minimal serial", "needless zeros", serial(0, 0, 1), nil},
		{"empty serial", "serial number is empty", serial(), nil},
		{"version 4", "its version is not one", func(f *Fields) {
			f.Version = ber.Element(0xa0, ber.Element(asn1.TagInteger, []byte{3}))
		}, nil},
		{"RSA without NULL", "lacks the parameter NULL", func(f *Fields) {
			f.Key = bytes.Replace(f.Key, []byte("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"), []byte("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), 1)
			f.Key = ber.Element(sequence, f.Key[4:])
		}, nil},
		{"key of odd bits", "its key is not a number of whole bytes", func(f *Fields) {
			parts := ber.PartsOf(f.Key)
			bits := bytes.Clone(parts[1].Bytes)
			bits[0] = 1
			f.Key = ber.Element(sequence, parts[0].FullBytes, ber.Element(asn1.TagBitString, bits))
		}, nil},
		{"RSA modulus without its zero", "numbers of its RSA key", func(f *Fields) { f.Key = unsigned(f.Key) }, nil},
		{"long length", "lengths", func(f *Fields) {
			f.Subject = append([]byte{0x30, 0x82, 0, f.Subject[1]}, f.Subject[2:]...)
		}, nil},
	}
}

// unsigned writes the modulus of an RSA key as if numbers could not be negative.
func unsigned(key []byte) []byte {
	fields := ber.PartsOf(key)
	numbers := ber.PartsOf(fields[1].Bytes[1:])
	modulus := ber.Element(asn1.TagInteger, bytes.TrimLeft(numbers[0].Bytes, "\x00"))
	return ber.Element(sequence, fields[0].FullBytes,
		ber.Element(asn1.TagBitString, []byte{0}, ber.Element(sequence, modulus, numbers[1].FullBytes)))
}

func subject(tag byte, text string) func(*Fields) {
	return func(f *Fields) { f.Subject = Name(tag, text) }
}

func oddTexts() []Odd {
	return []Odd{
		{"PrintableString with @", `its subject has '@' in a PrintableString`, subject(asn1.TagPrintableString, Email), nil},
		{"PrintableString with _", `has '_' in a PrintableString`, subject(asn1.TagPrintableString, "nightly_load"), nil},
		{"PrintableString with umlaut", `has 'ü' in a PrintableString`, subject(asn1.TagPrintableString, "M\xfcller"), nil},
		{"UTF8String in Latin-1", "UTF8String that is not UTF-8", subject(asn1.TagUTF8String, "M\xfcller"), nil},
		{"IA5String with umlaut", "IA5String with characters other than ASCII", subject(asn1.TagIA5String, "M\xfcller"), nil},
		{"BMPString of odd length", "BMPString of an odd number of bytes", subject(asn1.TagBMPString, "\x00R\x00"), nil},
		{"BMPString with half a character", "BMPString with characters that it cannot hold", subject(asn1.TagBMPString, "\xd8\x00\x00A"), nil},
		{"number as a name", "its subject has a value that is not text", subject(asn1.TagInteger, "\x05"), nil},
		{"UniversalString", "of a kind that names do not have", subject(28, "\x00\x00\x00M\x00\x00\x00\xfc"), nil},
		{"VisibleString", "of a kind that names do not have", subject(26, "Robot"), nil},
		{"issuer in PrintableString", "its issuer has '_' in a PrintableString", func(f *Fields) {
			f.Issuer = Name(asn1.TagPrintableString, "nightly_ca")
		}, nil},
	}
}

// names replaces the alternative names.
func names(all ...[]byte) func(*Fields) {
	return func(f *Fields) {
		f.Extensions[len(f.Extensions)-1] = Extension(OID(2, 5, 29, 17), false, ber.Element(sequence, all...))
	}
}

func oddAddresses() []Odd {
	email := ber.Element(0x81, []byte(Email))
	return []Odd{
		{"second address in UTF-8", `"müller@example.com" is not an e-mail address in ASCII`, names(email, ber.Element(0x81, []byte("müller@example.com"))), nil},
		{"second address in Latin-1", `"müller@example.com" is not an e-mail address in ASCII`, names(email, ber.Element(0x81, []byte("m\xfcller@example.com"))), nil},
		{"bad URL", `"http://[bad" is not a URL`, names(ber.Element(0x86, []byte("http://[bad")), email), nil},
		{"bad IP", "is not an IP address", names(ber.Element(0x87, []byte{10, 0, 0}), email), nil},
		{"bad DNS", `"bücher.example" is not a host's name`, names(ber.Element(0x82, []byte("bücher.example")), email), nil},
		{"address within its tag", "is not an e-mail address in ASCII", names(ber.Element(0x86, []byte("%zz")), ber.Element(0xa1, ber.Element(asn1.TagIA5String, []byte(Email)))), nil},
	}
}

func extension(der []byte) func(*Fields) {
	return func(f *Fields) { f.Extensions = append([][]byte{der}, f.Extensions...) }
}

func oddExtensions() []Odd {
	return []Odd{
		{"extension twice", "extended key usage is there twice", func(f *Fields) { f.Extensions = append(f.Extensions, f.Extensions[2]) }, nil},
		{"names twice", "subject alternative name is there twice", func(f *Fields) {
			f.Extensions = append([][]byte{Extension(OID(2, 5, 29, 17), false, ber.Element(sequence, ber.Element(0x82, []byte("host.example"))))}, f.Extensions...)
		}, nil},
		{"CRL that is not one", "CRL distribution points cannot be read", extension(Extension(OID(2, 5, 29, 31), false, []byte("http://crl.example"))), nil},
		{"critical identifier", "authority key identifier is marked critical", extension(Extension(OID(2, 5, 29, 35), true, ber.Element(sequence, ber.Element(0x80, []byte{1})))), nil},
		{"TRUE as 1 of the names", "subject alternative name is not written as it should be", func(f *Fields) {
			f.Extensions[3] = bytes.Replace(Extension(OID(2, 5, 29, 17), true, ber.Element(sequence, ber.Element(0x81, []byte(Email)))), []byte{1, 1, 0xff}, []byte{1, 1, 1}, 1)
		}, nil},
		{"TRUE as 1", "key usage is not written as it should be", func(f *Fields) {
			f.Extensions[1] = bytes.Replace(f.Extensions[1], []byte{1, 1, 0xff}, []byte{1, 1, 1}, 1)
		}, nil},
		{"FALSE as 1 byte too many", "basic constraints is not written as it should be", func(f *Fields) {
			f.Extensions[0] = Extension(OID(2, 5, 29, 19), true, ber.Element(sequence, ber.Element(asn1.TagBoolean, []byte{0, 0})))
		}, nil},
		{"key usage with bits behind", "key usage is not written as it should be", func(f *Fields) {
			f.Extensions[1] = Extension(OID(2, 5, 29, 15), true, ber.Element(asn1.TagBitString, []byte{5, 0xbf}))
		}, nil},
		{"extension with a number too large", "an extension of it cannot be read", extension(Extension(ber.Element(asn1.TagOID, []byte("\x69\x83\xff\xff\xff\xff\xff\xff\xff\xff\x7f")), false, []byte{5, 0})), nil},
	}
}

// times writes both dates in a layout; behind is what follows.
func times(tag byte, layout, behind string) func(*Fields) {
	return func(f *Fields) {
		at := func(days int) []byte {
			return ber.Element(tag, []byte(time.Now().UTC().AddDate(0, 0, days).Format(layout)+behind))
		}
		f.Validity = ber.Element(sequence, at(-2), at(2))
	}
}

func oddTimes() []Odd {
	const fault = "its dates are not written as they should be"
	return []Odd{
		{"fraction of a second", fault, times(asn1.TagGeneralizedTime, "20060102150405", ".123Z"), nil},
		{"no seconds", fault, times(asn1.TagGeneralizedTime, "200601021504", "Z"), nil},
		{"fraction and offset", fault, times(asn1.TagGeneralizedTime, "20060102150405", ",5+0200"), nil},
		{"hours only", fault, times(asn1.TagGeneralizedTime, "2006010215", "Z"), nil},
		{"small z and a blank behind", fault, times(asn1.TagGeneralizedTime, "20060102150405", "z "), nil},
		{"short date by the long one's tag", fault, times(asn1.TagGeneralizedTime, "060102150405", "Z"), nil},
		{"long date by the short one's tag", fault, times(asn1.TagUTCTime, "20060102150405", "Z"), nil},
		{"no zone", fault, times(asn1.TagUTCTime, "060102150405", ""), nil},
		{"UTCTime with offset and fraction", fault, times(asn1.TagUTCTime, "060102150405", ".5-0130"), nil},
	}
}

func oddAlgorithms() []Odd {
	bare := ber.Element(sequence, OID(1, 2, 840, 113549, 1, 1, 11))
	return []Odd{
		{"algorithms that differ", "the two places that name the algorithm of its signature differ (both are SHA256-RSA, with other parameters)", func(f *Fields) { f.Outer = bare }, nil},
		{"signature of odd bits", "its signature is not a number of whole bytes", nil, func(der []byte) []byte {
			fields := ber.PartsOf(der)
			bits := bytes.Clone(fields[2].Bytes)
			bits[0] = 8
			return ber.Element(sequence, fields[0].FullBytes, fields[1].FullBytes, ber.Element(asn1.TagBitString, bits))
		}},
		{"outer length with zeros", "lengths", nil, func(der []byte) []byte {
			return slices.Concat([]byte{0x30, 0x83, 0}, der[2:])
		}},
	}
}
