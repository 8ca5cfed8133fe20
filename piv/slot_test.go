//go:build cgo || windows

package piv

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	yubikey "github.com/go-piv/piv-go/v2/piv"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// selfSigned returns a certificate of the key, valid in 2026.
func selfSigned(t *testing.T, key *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "login"},
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// rsaKey makes a key.
func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// tlv encodes an element as cards do.
func tlv(tag byte, value []byte) []byte {
	n := len(value)
	return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, value...)
}

// gzipped packs data.
func gzipped(data []byte) []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write(data)
	w.Close()
	return packed.Bytes()
}

func TestParseObject(t *testing.T) {
	t.Parallel()
	certificate := selfSigned(t, rsaKey(t, 2048))
	object := func(der []byte, info ...byte) []byte {
		return tlv(tagObject, append(tlv(tagCertificate, der), append(tlv(0x71, info), 0xfe, 0x00)...))
	}
	for name, test := range map[string]struct {
		object []byte
		ok     bool
	}{
		"plain":                {object(certificate.Raw, 0), true},
		"compressed":           {object(gzipped(certificate.Raw), 1), true},
		"no info":              {tlv(tagObject, tlv(tagCertificate, certificate.Raw)), true},
		"not packed":           {object(certificate.Raw, 1), true},
		"flag 0x80":            {object(gzipped(certificate.Raw), 0x80), true},
		"no flag":              {object(gzipped(certificate.Raw), 0), true},
		"zeros behind":         {object(append(bytes.Clone(certificate.Raw), make([]byte, 30)...), 0), true},
		"packed, zeros behind": {object(append(gzipped(certificate.Raw), make([]byte, 30)...), 1), true},
		"zeros at the end":     {append(object(certificate.Raw, 0), 0, 0, 0), true},
		"cut packed":           {object(gzipped(certificate.Raw)[:40], 1), false},
		"rubbish":              {object([]byte("rubbish"), 0), false},
		"cut":                  {object(certificate.Raw, 0)[:100], false},
		"empty":                {nil, false},
	} {
		got, err := parseObject(test.object)
		if test.ok != (err == nil) || err == nil && !got.Equal(certificate) || err != nil && !errors.Is(err, errNoX509) {
			t.Errorf("%s: %v, %v", name, got != nil, err)
		}
	}
}

func TestElement(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 300)
	for name, test := range map[string]struct {
		data []byte
		want []byte
		ok   bool
	}{
		"first":             {[]byte{1, 1, 9, 2, 0}, []byte{9}, true},
		"second":            {append([]byte{2, 0}, 1, 1, 9), []byte{9}, true},
		"one byte length":   {append([]byte{1, 0x81, 200}, long[:200]...), long[:200], true},
		"two bytes length":  {tlv(1, long), long, true},
		"three bytes":       {append([]byte{1, 0x83, 0, 1, 0x2c}, long...), long, true},
		"not there":         {[]byte{2, 1, 9}, nil, false},
		"too short":         {[]byte{1, 4, 9}, nil, false},
		"cut length":        {[]byte{1, 0x82, 1}, nil, false},
		"indefinite length": {[]byte{1, 0x80, 1, 1, 9}, nil, false},
		"absurd length":     {[]byte{1, 0x84, 0, 0, 0, 1, 9}, nil, false},
		"nothing":           {nil, nil, false},
	} {
		if got, ok := element(test.data, 1); !bytes.Equal(got, test.want) || ok != test.ok {
			t.Errorf("%s: %x, %v; want %x, %v", name, got, ok, test.want, test.ok)
		}
	}
}

// FuzzElement: cards are foreign bytes.
func FuzzElement(f *testing.F) {
	f.Add([]byte{1, 1, 9, 2, 0x81, 1, 7})
	f.Add([]byte{1, 0x83, 0xff, 0xff, 0xff, 7})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, tag := range []byte{0, 1, 2} {
			value, ok := element(data, tag)
			if ok && !bytes.Contains(data, value) || !ok && value != nil {
				t.Errorf("%x holds %x (%v) under %x", data, value, ok, tag)
			}
		}
		if certificate, err := parseObject(data); err == nil && certificate == nil {
			t.Errorf("%x is neither a certificate nor an error", data)
		}
		m := management{algorithm: 3}
		m.read(data)
		if err := m.fits(make([]byte, 24)); err != nil && !errors.Is(err, ErrManagementKey) {
			t.Error(err)
		}
	})
}

// TestProblem: what is wrong with a key is said before what is wrong with its
// certificate.
func TestProblem(t *testing.T) {
	t.Parallel()
	a, b, short := rsaKey(t, 2048), rsaKey(t, 2048), rsaKey(t, 1024)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate := selfSigned(t, a)
	in := func(year int) time.Time { return time.Date(year, 7, 1, 0, 0, 0, 0, time.UTC) }
	for name, test := range map[string]struct {
		key         slotKey
		certificate *x509.Certificate
		now         time.Time
		want        error
		text        string
	}{
		"all is well":           {slotKey{KeyInfo: KeyInfo{Public: &a.PublicKey}}, certificate, in(2026), nil, ""},
		"the card tells none":   {slotKey{}, certificate, in(2026), nil, ""},
		"EC":                    {slotKey{KeyInfo: KeyInfo{Public: &ec.PublicKey}}, certificate, in(2026), hardware.ErrUnusableKey, "it is EC P-256"},
		"short":                 {slotKey{KeyInfo: KeyInfo{Public: &short.PublicKey}}, certificate, in(2026), hardware.ErrUnusableKey, "it is RSA 1024"},
		"another key's":         {slotKey{KeyInfo: KeyInfo{Public: &b.PublicKey}}, certificate, in(2027), hardware.ErrCertificateMismatch, "CN=login"},
		"expired":               {slotKey{KeyInfo: KeyInfo{Public: &a.PublicKey}}, certificate, in(2027), hardware.ErrCertificateExpired, "ended 2026-12-31"},
		"early":                 {slotKey{KeyInfo: KeyInfo{Public: &a.PublicKey}}, certificate, in(2025), hardware.ErrCertificateNotYetValid, "begins 2026-01-01T00:00:00Z"},
		"none":                  {slotKey{KeyInfo: KeyInfo{Public: &a.PublicKey}}, nil, in(2026), hardware.ErrNoCertificate, ""},
		"unreadable":            {slotKey{useless: errNoX509}, nil, in(2026), hardware.ErrNoCertificate, "cannot be read"},
		"unreadable, one given": {slotKey{useless: errNoX509}, certificate, in(2026), nil, ""},
		"of its own":            {slotKey{own: hardware.ErrNoKey}, certificate, in(2026), hardware.ErrNoKey, ""},
	} {
		test.key.Address.Slot = pivuri.Signature
		err := test.key.problem(test.certificate, test.now)
		if !errors.Is(err, test.want) || test.want != nil && !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, test.want, test.text)
		}
	}
}

func TestKeyType(t *testing.T) {
	t.Parallel()
	ec, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	for want, public := range map[string]any{
		"RSA 2048": &rsaKey(t, 2048).PublicKey, "EC P-384": &ec.PublicKey, "Ed25519": make(ed25519.PublicKey, 32),
		"unknown": nil, "string": "x",
	} {
		if got := keyType(public); got != want {
			t.Errorf("%T is %q, want %q", public, got, want)
		}
	}
}

// TestSlotOf: each slot has its own object, in order (NIST SP 800-73-4 part 1, table
// 3).
func TestSlotOf(t *testing.T) {
	seen := map[uint32]bool{}
	for _, slot := range pivuri.Slots() {
		got := slotOf(slot)
		if got.Key != uint32(slot) || got.Object>>8 != 0x5fc1 || seen[got.Object] {
			t.Errorf("slot %s is %x with object %x", slot, got.Key, got.Object)
		}
		seen[got.Object] = true
	}
	if slotOf(0x9b) != (yubikey.Slot{}) {
		t.Error("the management key is taken for a slot")
	}
}
