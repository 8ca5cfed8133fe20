package certread

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"net/url"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
)

// extensionNames has for people what extensions are about (RFC 5280 section 4.2).
var extensionNames = map[string]string{
	"2.5.29.9": "subject directory attributes", "2.5.29.14": "subject key identifier", "2.5.29.15": "key usage",
	"2.5.29.17": "subject alternative name", "2.5.29.18": "issuer alternative name", "2.5.29.19": "basic constraints",
	"2.5.29.30": "name constraints", "2.5.29.31": "CRL distribution points", "2.5.29.32": "certificate policies",
	"2.5.29.33": "policy mappings", "2.5.29.35": "authority key identifier", "2.5.29.36": "policy constraints",
	"2.5.29.37": "extended key usage", "2.5.29.54": "inhibit any policy", "1.3.6.1.5.5.7.1.1": "authority information access",
}

const oidAlternativeName = "2.5.29.17"

// ExtensionName returns what an extension is about, as "key usage"; its number if it is none of
// RFC 5280's.
func ExtensionName(oid asn1.ObjectIdentifier) string {
	if name := extensionNames[oid.String()]; name != "" {
		return name
	}
	return oid.String()
}

// mendExtensions settles the extensions. Of two of a kind the first counts, but of alternative
// names all do.
func (m *mender) mendExtensions(written [][]byte) {
	for _, der := range written {
		e, ok := extensionOf(der)
		if !ok {
			m.fault("an extension of it cannot be read")
			continue
		}
		twice := slices.ContainsFunc(m.extensions, func(other pkix.Extension) bool { return other.Id.Equal(e.Id) })
		m.extensions = append(m.extensions, e)
		if twice {
			m.fault("its extension " + ExtensionName(e.Id) + " is there twice")
		}
		switch {
		case e.Id.String() == oidAlternativeName:
			before := len(m.faults)
			if m.addNames(e); len(m.faults) == before && !m.fits(der) {
				m.fault("its extension " + ExtensionName(e.Id) + " is not written as it should be")
			}
		case !twice && !m.addExtension(der, e):
			m.fault("its extension " + ExtensionName(e.Id) + " cannot be read")
			m.leaveOut(e)
		}
	}
}

func (m *mender) leaveOut(e pkix.Extension) {
	if e.Critical {
		m.unhandled = append(m.unhandled, e.Id)
	}
}

// addExtension puts an extension into the copy, mended if need be. It reports whether it could.
func (m *mender) addExtension(der []byte, e pkix.Extension) bool {
	value := canonical(e.Value)
	for _, try := range []struct {
		der   []byte
		fault string
	}{
		{der, ""},
		{encodeExtension(pkix.Extension{Id: e.Id, Critical: e.Critical, Value: value}), "is not written as it should be"},
		{encodeExtension(pkix.Extension{Id: e.Id, Value: value}), "is marked critical, and must not be"},
	} {
		if !m.fits(try.der) {
			continue
		}
		m.copy.extensions = append(m.copy.extensions, try.der)
		if try.fault != "" {
			m.fault("its extension " + ExtensionName(e.Id) + " " + try.fault)
		}
		return true
	}
	return false
}

// fits reports whether crypto/x509 reads the copy with that extension.
func (m *mender) fits(extension []byte) bool {
	with := m.copy
	with.extensions = append(slices.Clone(m.copy.extensions), extension)
	return with.accepted()
}

// extensionOf reads an extension (RFC 5280 section 4.1). That it is critical can be written as any
// byte but 0.
func extensionOf(der []byte) (e pkix.Extension, ok bool) {
	fields := ber.PartsOf(der)
	if len(fields) < 2 {
		return e, false
	}
	value := fields[len(fields)-1]
	if _, err := asn1.Unmarshal(fields[0].FullBytes, &e.Id); err != nil || ber.Shape([]asn1.RawValue{value}) != "x" {
		return e, false
	}
	e.Critical = fields[1].Tag == asn1.TagBoolean && len(bytes.Trim(fields[1].Bytes, "\x00")) > 0
	e.Value = value.Bytes
	return e, true
}

func encodeExtension(e pkix.Extension) []byte {
	der, _ := asn1.Marshal(e)
	return der
}

// canonical writes the value of an extension by the rules of DER (ITU-T X.690 section 11), as far
// as they are broken without anybody noticing: lengths, truth values, numbers with zeros in front,
// bits behind the end.
func canonical(value []byte) []byte {
	der, _, err := ber.DER(value)
	if err != nil {
		return value
	}
	return canonicalAll(der)
}

func canonicalAll(der []byte) []byte {
	all, err := ber.Elements(der)
	if err != nil {
		return der
	}
	var out []byte
	for _, e := range all {
		out = append(out, canonicalElement(e)...)
	}
	return out
}

func canonicalElement(e asn1.RawValue) []byte {
	universal := e.Class == asn1.ClassUniversal
	switch {
	case e.FullBytes[0]&0x1f == 0x1f: // a tag of several bytes, which no extension here has
	case e.IsCompound:
		return ber.Element(e.FullBytes[0], canonicalAll(e.Bytes))
	case universal && e.Tag == asn1.TagBoolean && len(bytes.Trim(e.Bytes, "\x00")) > 0:
		return ber.Element(asn1.TagBoolean, []byte{0xff})
	case universal && e.Tag == asn1.TagBoolean:
		return ber.Element(asn1.TagBoolean, []byte{0})
	case universal && e.Tag == asn1.TagInteger:
		return encodeInteger(integer(e.Bytes))
	case universal && e.Tag == asn1.TagBitString && len(e.Bytes) > 1:
		bits := bytes.Clone(e.Bytes)
		bits[0] &= 7
		bits[len(bits)-1] &= 0xff << bits[0]
		return ber.Element(asn1.TagBitString, bits)
	}
	return e.FullBytes
}

// alternativeNames are those that are read here, because the copy is without: so the sound ones
// count, whatever stands beside them.
type alternativeNames struct {
	emails, hosts []string
	addresses     []net.IP
	urls          []*url.URL
}

func (n *alternativeNames) restore(cert *x509.Certificate) {
	cert.EmailAddresses, cert.DNSNames, cert.IPAddresses, cert.URIs = n.emails, n.hosts, n.addresses, n.urls
}

// Kinds of alternative names (RFC 5280 section 4.2.1.6), by their tags.
const (
	nameEmail = 1
	nameHost  = 2
	nameURL   = 6
	nameIP    = 7
)

// addNames takes the names of an extension, one by one.
func (m *mender) addNames(e pkix.Extension) {
	if m.names == nil {
		m.names = new(alternativeNames)
	}
	list := ber.PartsOf(canonical(e.Value))
	list = list[:min(len(list), maxNames)]
	if len(list) == 0 {
		m.fault("its extension subject alternative name cannot be read")
		m.leaveOut(e)
	}
	for _, name := range list {
		sound := m.fits(encodeExtension(pkix.Extension{Id: e.Id, Value: ber.Element(tagSequence, name.FullBytes)}))
		if name.Class == asn1.ClassContextSpecific {
			m.addName(name, sound)
		}
	}
}

func (m *mender) addName(name asn1.RawValue, sound bool) {
	value := name.Bytes
	if inner := ber.Parts(name); len(inner) == 1 { // text within its tag, in place of as its tag
		value, sound = inner[0].Bytes, false
	}
	text := decoded(value)
	if !sound {
		m.fault(fmt.Sprintf("its alternative name %.100q is not %s", text, wanted[name.Tag]))
	}
	switch {
	case name.Tag == nameEmail:
		m.names.emails = append(m.names.emails, text)
	case !sound:
	case name.Tag == nameHost:
		m.names.hosts = append(m.names.hosts, text)
	case name.Tag == nameIP:
		m.names.addresses = append(m.names.addresses, value)
	case name.Tag == nameURL:
		if parsed, err := url.Parse(text); err == nil {
			m.names.urls = append(m.names.urls, parsed)
		}
	}
}

// wanted says what names should be that are written otherwise.
var wanted = map[int]string{
	nameEmail: "an e-mail address in ASCII", nameHost: "a host's name in ASCII", nameURL: "a URL", nameIP: "an IP address of 4 or 16 bytes",
}
