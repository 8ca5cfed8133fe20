package certfile_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
	"github.com/anaplan-agent/anaplan-agent/agent/certtest"
)

// seed adds every file of testdata, and some in other wrappings.
func seed(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(derOf(f, "key.pem"))
	f.Add(derOf(f, "key.crt"))
	f.Add(derOf(f, "pkcs8-aes.pem"))
	for _, odd := range certtest.Odds() {
		f.Add(odd.Make(rsaKey(f, "key.pem").Public()))
	}
	f.Add([]byte("\xff\xfe-\x00"))
	f.Add([]byte{0x30, 0x80, 0x24, 0x80, 0x04, 0x01, 'a', 0, 0, 0, 0})
}

// FuzzCertificates: what was read is read again from what it is written as.
func FuzzCertificates(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := certfile.Certificates(data)
		if err != nil {
			if len(certs) > 0 || len(err.Error()) > 1000 {
				t.Fatalf("%d certificates with error %v", len(certs), err)
			}
			return
		}
		if len(certs) == 0 || len(certs) > 100 {
			t.Fatalf("%d certificates", len(certs))
		}
		var again []byte
		for _, cert := range certs {
			again = append(again, encode("CERTIFICATE", cert.Raw)...)
		}
		got, err := certfile.Certificates(again)
		if err != nil || !slices.EqualFunc(certs, got, (*x509.Certificate).Equal) {
			t.Fatalf("read again: %d certificates, error %v", len(got), err)
		}
	})
}

// FuzzKeys: keys can be used, and no error tells the password.
func FuzzKeys(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		calls := 0
		bundle, err := certfile.KeysWithin(data, func() ([]byte, error) { calls++; return []byte(password), nil }, 20_000)
		if calls > 1 {
			t.Fatalf("the password was asked for %d times", calls)
		}
		if err != nil {
			if strings.Contains(err.Error(), password) || len(bundle.Keys) > 0 {
				t.Fatalf("%d keys with error %v", len(bundle.Keys), err)
			}
			return
		}
		if len(bundle.Keys) == 0 {
			t.Fatal("neither key nor error")
		}
		for _, key := range bundle.Keys {
			if err := key.Key.Validate(); err != nil || key.Key.N.BitLen() < 2048 {
				t.Fatalf("a key of %d bits, error %v", key.Key.N.BitLen(), err)
			}
			if key.Certificate != nil && !key.Key.PublicKey.Equal(key.Certificate.PublicKey) {
				t.Fatal("a certificate for another key")
			}
		}
	})
}
