package pivtest

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"fmt"
	"testing"
)

// An attestation leads to the root, and tells of the key what the card knows.
func TestAttest(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{Serial: 11223344})
	manage(t, c)
	if _, status := ask(t, c, "0047009C 0B AC09 800107 AA0102 AB0103"); status != "9000" {
		t.Fatal(status)
	}
	root, err := AttestationRoot()
	if err != nil {
		t.Fatal(err)
	}
	der, status := ask(t, c, "00F99C00")
	if status != "9000" {
		t.Fatal(status)
	}
	statement, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	intermediates.AddCert(c.Certificate(attestationSlot))
	if _, err := statement.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates}); err != nil {
		t.Error(err)
	}
	if !equalKeys(statement.PublicKey, c.PublicKey(0x9C)) || statement.Subject.CommonName != "YubiKey PIV Attestation 9c" {
		t.Errorf("of %s, and another key", statement.Subject)
	}
	told := map[string]string{}
	for _, e := range statement.Extensions {
		told[e.Id.String()] = fmt.Sprintf("%X", e.Value)
	}
	const yubico = "1.3.6.1.4.1.41482.3."
	for number, want := range map[string]string{"3": "050403", "7": "020400AB4130", "8": "0203", "9": "01"} {
		if got := told[yubico+number]; got != want {
			t.Errorf("extension %s: %s, want %s", number, got, want)
		}
	}
}

// What was not made on the card is not attested.
func TestAttestRefuses(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	if err := c.PutKey(0x9A, ecKey(t, elliptic.P256()), Policy{}); err != nil {
		t.Fatal(err)
	}
	play(t, c, step{"00F99A00", "6A80"}, step{"00F99C00", "6A80"}, step{"00F99A01", "6A86"}, step{"00F90100", "6A80"})
	play(t, newTestCard(t, Options{Quirks: Quirks{AttestEmpty: 0x6D00}}), step{"00F99C00", "6D00"})
}

// All cards lead to one root, also in another process; only its signatures differ.
func TestAttestationRootIsOne(t *testing.T) {
	t.Parallel()
	a, errA := AttestationRoot()
	b, errB := AttestationRoot()
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if !equalKeys(a.PublicKey, b.PublicKey) || !bytes.Equal(a.RawSubject, b.RawSubject) {
		t.Error("two roots")
	}
	if err := newTestCard(t, Options{}).Certificate(attestationSlot).CheckSignatureFrom(b); err != nil {
		t.Error(err)
	}
}
