package certread

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

// TestName: what people have a word for is in words, and the rest as Go has it.
func TestName(t *testing.T) {
	attribute := func(value any, oid ...int) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier(oid), Value: value}
	}
	for want, attributes := range map[string]pkix.RDNSequence{
		"":     nil,
		"CN=x": {{attribute("x", 2, 5, 4, 3)}},
		"emailAddress=ana@example.com,CN=ana,O=Example": {
			{attribute("Example", 2, 5, 4, 10)}, {attribute("ana", 2, 5, 4, 3)}, {attribute("ana@example.com", 1, 2, 840, 113549, 1, 9, 1)}},
		"UID=7,DC=example,CN=a": {
			{attribute("example", 0, 9, 2342, 19200300, 100, 1, 25)}, {attribute("7", 0, 9, 2342, 19200300, 100, 1, 1)}, {attribute("a", 2, 5, 4, 3)}},
		`emailAddress=\#a\,b\"\\\ `: {{attribute(`#a,b"\ `, 1, 2, 840, 113549, 1, 9, 1)}},
		"1.2.3=#130178":             {{attribute("x", 1, 2, 3)}},
	} {
		var name pkix.Name
		name.FillFromRDNSequence(&attributes)
		if got := Name(name); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
