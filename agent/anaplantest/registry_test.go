package anaplantest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// What an administrator's upload refuses (contract section 5.2).
func TestRegisterRefuses(t *testing.T) {
	ca := newCA(t)
	issue := func(key any, opts *anaplantest.IssueOptions) []byte {
		t.Helper()
		cert, err := ca.IssueForKey(key, opts)
		if err != nil {
			t.Fatal(err)
		}
		return anaplantest.EncodePEM(cert)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short := &rsa.PublicKey{N: new(big.Int).Rsh(rsaKey().N, 1024), E: rsaKey().E}
	good := issue(rsaKey().Public(), nil)
	service := anaplantest.New(nil)
	if _, err := service.Register(good); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		file []byte
		want error
	}{
		{"duplicate", good, anaplantest.ErrDuplicate},
		{"empty", nil, anaplantest.ErrNotOneCertificate},
		{"text before", append([]byte("Bag Attributes\n"), good...), anaplantest.ErrNotOneCertificate},
		{"byte order mark", append([]byte("\xef\xbb\xbf"), good...), anaplantest.ErrNotOneCertificate},
		{"bundle", append(bytes.Clone(good), ca.PEM()...), anaplantest.ErrNotOneCertificate},
		{"cut short", good[:200], anaplantest.ErrNotOneCertificate},
		{"not X.509", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), anaplantest.ErrNotOneCertificate},
		{"no e-mail", issue(rsaKey().Public(), &anaplantest.IssueOptions{NoEmail: true}), anaplantest.ErrNoEmail},
		{"elliptic curve", issue(ecKey.Public(), nil), anaplantest.ErrUnusableKey},
		{"short key", issue(short, nil), anaplantest.ErrUnusableKey},
	} {
		if _, err := service.Register(test.file); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", test.name, err, test.want)
		}
	}
	if got := anaplantest.ErrNoEmail.Error(); got != "email should not be blank [null]" {
		t.Errorf("%q is not what Anaplan says", got)
	}
}

func TestRegistryList(t *testing.T) {
	s := anaplantest.NewServer(t, nil)
	for _, email := range []string{"b@example.com", "a@example.com", "b@example.com"} {
		s.Enroll(rsaKey().Public(), &anaplantest.IssueOptions{Email: email})
	}
	list := s.Certificates()
	if len(list) != 3 || list[0].UserID != "a@example.com" || list[1].ID > list[2].ID {
		t.Fatalf("list %+v is not in order", list)
	}
	if !list[0].Enabled || !list[0].Expiration.After(time.Now()) {
		t.Errorf("entry %+v", list[0])
	}
	if err := s.Delete(list[0].ID); err != nil {
		t.Error(err)
	}
	for name, act := range map[string]func(string) error{"Delete": s.Delete, "Enable": s.Enable, "Disable": s.Disable} {
		if err := act(list[0].ID); !errors.Is(err, anaplantest.ErrNotRegistered) {
			t.Errorf("%s of what is not there: %v", name, err)
		}
	}
}

// A certificate that names its user in the subject alone is registered for that
// user.
func TestRegisterSubjectEmail(t *testing.T) {
	ca := newCA(t)
	template := &x509.Certificate{
		SerialNumber: ca.Certificate.SerialNumber,
		Subject:      emailSubject("subject@example.com"),
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, rsaKey().Public(), rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	added, err := anaplantest.New(nil).Register(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	if err != nil || added.UserID != "subject@example.com" {
		t.Errorf("registered %+v, %v", added, err)
	}
}
