package device

import (
	"errors"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/roomtest"
)

func TestReadCertificates(t *testing.T) {
	leaf, ca := roomtest.Certificate(t, "leaf", false), roomtest.Certificate(t, "ca", true)
	leafPEM, caPEM := EncodePEM("CERTIFICATE", leaf.Raw), EncodePEM("CERTIFICATE", ca.Raw)
	for name, test := range map[string]struct {
		text string
		want int
	}{
		"PEM": {leafPEM, 1}, "DER": {string(leaf.Raw), 1}, "bundle": {caPEM + leafPEM, 2},
		"text around": {"Bag Attributes\r\n" + strings.ReplaceAll(leafPEM, "\n", "\r\n") + "bye", 1},
	} {
		certs, err := ReadCertificates(roomtest.File(t, test.text))
		if err != nil || len(certs) != test.want {
			t.Errorf("%s: %d certificates, %v; want %d", name, len(certs), err, test.want)
		}
	}
	for name, text := range map[string]string{
		"nothing": "hello", "a key": EncodePEM("PRIVATE KEY", []byte{1}), "a torn file": EncodePEM("CERTIFICATE", leaf.Raw[:100]),
	} {
		path := roomtest.File(t, text)
		if _, err := ReadCertificates(path); !errors.Is(err, ErrCertificateFile) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadCertificateWantsOne(t *testing.T) {
	pair := EncodePEM("CERTIFICATE", roomtest.Certificate(t, "one", false).Raw) + EncodePEM("CERTIFICATE", roomtest.Certificate(t, "two", false).Raw)
	if _, err := ReadCertificate(roomtest.File(t, pair)); err == nil || !strings.Contains(err.Error(), "has 2 certificates") {
		t.Error(err)
	}
}
