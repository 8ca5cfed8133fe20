package authority

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	f := newFixture(t)
	bundle, err := f.Bundle()
	if err != nil || Check(bundle) != nil {
		t.Fatal(err, Check(bundle))
	}
	f.now = f.now.Add(caLife - publishTime + time.Hour) // two of them
	if bundle, err = f.Bundle(); err != nil || bytes.Count(bundle, []byte("BEGIN")) != 2 || Check(bundle) != nil {
		t.Fatal(err, Check(bundle))
	}
	var withKey bytes.Buffer
	if err := encode(&withKey, f.pairs); err != nil {
		t.Fatal(err)
	}
	foreign, err := makePair([]string{"example.com"}, f.now)
	if err != nil {
		t.Fatal(err)
	}
	free, _ := f.forged(&x509.Certificate{IsCA: true, BasicConstraintsValid: true}, f.pairs[0])
	for text, words := range map[string]string{
		"":                             "no certificate in it",
		"<html>hello</html>":           "not PEM",
		string(bundle) + "and more":    "not PEM",
		withKey.String():               "a private key",
		encoded(f.issue(testHosts[0])): "not one of a CA that is constrained",
		encoded(free):                  "not one of a CA that is constrained",
		encoded(foreign.cert):          `a CA in it for "example.com"`,
		string(pem.EncodeToMemory(&pem.Block{Type: "X"})): "neither a certificate nor a key",
	} {
		if err := Check([]byte(text)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: error %v", words, err)
		}
	}
}

func encoded(cert *x509.Certificate) string { return string(encodeCertificate(cert)) }
