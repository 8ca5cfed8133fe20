package certread_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/certtest"
)

var robotKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func public() *rsa.PublicKey { return &robotKey().PublicKey }

// What crypto/x509 reads comes out as from there.
func TestSound(t *testing.T) {
	der := certtest.Make(public(), nil)
	want, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"as it is": der, "with zeros behind": append(bytes.Clone(der), make([]byte, 40)...), "with rubbish behind": append(bytes.Clone(der), 0xff, 0xff)} {
		got, err := certread.Parse(data)
		if err != nil || !bytes.Equal(got.Raw, want.Raw) || !slices.Equal(got.EmailAddresses, want.EmailAddresses) || len(certread.Faults(got)) > 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// Whatever a CA has done wrong, what a login needs is read, the CA's bytes are what comes out, and
// somebody is told.
func TestOdds(t *testing.T) {
	for _, odd := range certtest.Odds() {
		t.Run(odd.Name, func(t *testing.T) {
			der := odd.Make(public())
			if _, err := x509.ParseCertificate(der); err == nil {
				t.Fatal("crypto/x509 reads it, so that it shows nothing")
			}
			cert, err := certread.Parse(append(bytes.Clone(der), 0, 0))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(cert.Raw, der) || !public().Equal(cert.PublicKey) || cert.EmailAddresses[0] != certtest.Email {
				t.Errorf("key %v, addresses %q, %d bytes of %d", cert.PublicKey, cert.EmailAddresses, len(cert.Raw), len(der))
			}
			now := time.Now()
			if from, until := now.Sub(cert.NotBefore), cert.NotAfter.Sub(now); from < 44*time.Hour || from > 52*time.Hour || until < 44*time.Hour || until > 52*time.Hour {
				t.Errorf("valid from %v until %v", cert.NotBefore, cert.NotAfter)
			}
			if cert.KeyUsage&x509.KeyUsageDigitalSignature == 0 || len(cert.ExtKeyUsage) != 2 || len(cert.Subject.Names) != 1 {
				t.Errorf("key usage %v, %v, subject %v", cert.KeyUsage, cert.ExtKeyUsage, cert.Subject)
			}
			if faults := certread.Faults(cert); len(faults) != 1 && odd.Name != "address within its tag" || !strings.Contains(strings.Join(faults, "; "), odd.Fault) {
				t.Errorf("faults %q, want %q", faults, odd.Fault)
			}
		})
	}
}

// A mended certificate is its CA's by the signature, which is over what the CA has written, and
// passes for nothing that it is not.
func TestSignatures(t *testing.T) {
	pool := x509.NewCertPool()
	pool.AddCert(certtest.CA().Certificate)
	for _, odd := range certtest.Odds() {
		cert, err := certread.Parse(odd.Make(public()))
		if err != nil {
			t.Fatal(err)
		}
		if err := cert.CheckSignatureFrom(certtest.CA().Certificate); err != nil && odd.Name != "issuer in PrintableString" {
			t.Errorf("%s: its signature: %v", odd.Name, err)
		}
		if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err == nil {
			t.Errorf("%s: Verify takes it", odd.Name)
		}
	}
}

func TestSubjects(t *testing.T) {
	for name, want := range map[string]string{
		"PrintableString with @": "robot@example.com", "PrintableString with umlaut": "Müller", "UTF8String in Latin-1": "Müller", "UniversalString": "Mü",
	} {
		odd := certtest.Odds()[slices.IndexFunc(certtest.Odds(), func(o certtest.Odd) bool { return o.Name == name })]
		cert, err := certread.Parse(odd.Make(public()))
		if err != nil || cert.Subject.CommonName != want {
			t.Errorf("%s: %q, %v", name, cert.Subject.CommonName, err)
		}
	}
}

// An older version has no extensions by the rules; crypto/x509 passes over them, others read them.
func TestExtensionsOfOldVersions(t *testing.T) {
	for version, want := range []string{"it has extensions, and its version, 1, does not", "it has extensions, and its version, 2, does not"} {
		der := certtest.Make(public(), func(f *certtest.Fields) {
			f.Version = ber.Element(0xa0, ber.Element(asn1.TagInteger, []byte{byte(version)}))
		})
		cert, err := certread.Parse(der)
		if err != nil || !slices.Equal(cert.EmailAddresses, []string{certtest.Email}) || !bytes.Equal(cert.Raw, der) {
			t.Errorf("version %d: %v, %v", version+1, cert, err)
			continue
		}
		if faults := certread.Faults(cert); !slices.Equal(faults, []string{want}) {
			t.Errorf("version %d: faults %q", version+1, faults)
		}
	}
}

// A moment that there is not counts as the one that other programs take it for, and is named.
func TestNoSuchMoment(t *testing.T) {
	for text, want := range map[string]string{
		"271231235960Z": "2028-01-01T00:00:00Z", "270230120000Z": "2027-03-02T12:00:00Z", "270101240000Z": "2027-01-02T00:00:00Z",
	} {
		at := ber.Element(asn1.TagUTCTime, []byte(text))
		cert, err := certread.Parse(certtest.Make(public(), func(f *certtest.Fields) { f.Validity = ber.Element(0x30, at, at) }))
		if err != nil || cert.NotAfter.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: %v, %v, want %s", text, cert, err, want)
			continue
		}
		fault := fmt.Sprintf("one of its dates is a day or a second that there is not (%q), and counts as %s", text, strings.Trim(strings.ReplaceAll(want, "T", " "), "Z"))
		if faults := certread.Faults(cert); len(faults) != 1 || faults[0] != fault {
			t.Errorf("%s: faults %q, want %q", text, faults, fault)
		}
	}
}

// Of two algorithms that differ both are named.
func TestTwoAlgorithms(t *testing.T) {
	sha1 := ber.Element(0x30, certtest.OID(1, 2, 840, 113549, 1, 1, 5), ber.Element(asn1.TagNull))
	cert, err := certread.Parse(certtest.Make(public(), func(f *certtest.Fields) { f.Algorithm = sha1 }))
	const fault = "the two places that name the algorithm of its signature differ (SHA1-RSA within, SHA256-RSA beside the signature)"
	if err != nil || !slices.Contains(certread.Faults(cert), fault) {
		t.Errorf("%v, %v", cert, err)
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		"20270102030405Z": "2027-01-02T03:04:05Z", "20270102030405.999Z": "2027-01-02T03:04:05Z", "20270102030405,5+0130": "2027-01-02T01:34:05Z",
		"202701020304Z": "2027-01-02T03:04:00Z", "20270102030405": "2027-01-02T03:04:05Z", "20270102030405-08": "2027-01-02T11:04:05Z",
		"270102030405+0200": "2027-01-02T01:04:05Z", "5001020304Z": "1950-01-02T03:04:00Z",
		"20271302030405Z": "", "today": "", "": "", "2027": "", "99999999999999Z": "", "20270102030405+2": "",
	} {
		tag := byte(asn1.TagGeneralizedTime)
		if len(text) >= 2 && text[:2] != "20" {
			tag = asn1.TagUTCTime
		}
		at := ber.Element(tag, []byte(text))
		der := certtest.Make(public(), func(f *certtest.Fields) { f.Validity = ber.Element(0x30, at, at); f.Serial[2] |= 0x80 })
		cert, err := certread.Parse(der)
		switch {
		case want == "":
			if err == nil || err.Error() != "its dates cannot be read" {
				t.Errorf("%q: %v, want that it cannot be read", text, err)
			}
		case err != nil || cert.NotAfter.UTC().Format(time.RFC3339) != want:
			t.Errorf("%q: %v, %v", text, cert, err)
		}
	}
}

// An open length is closed, since the signature is over the DER; a long one stays, since the
// signature is over that.
func TestOpenLengths(t *testing.T) {
	der := certtest.Make(public(), nil)
	open := slices.Concat([]byte{0x30, 0x80}, der[4:], []byte{0, 0, 0xff})
	cert, err := certread.Parse(open)
	if err != nil || !bytes.Equal(cert.Raw, der) {
		t.Errorf("%v", err)
	}
}

func TestNotCertificates(t *testing.T) {
	der := certtest.Make(public(), nil)
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":  {nil, "it is not built like a certificate"},
		"half":     {der[:len(der)/2], "its end is missing"},
		"text":     {[]byte("certificate"), "it is not built like a certificate"},
		"a number": {[]byte{2, 1, 1}, "it is not built like a certificate"},
		"another":  {ber.Element(0x30, ber.Element(0x30), ber.Element(0x30), ber.Element(3, []byte{0})), "it is not built like a certificate"},
	} {
		if cert, err := certread.Parse(test.data); err == nil || err.Error() != test.want || cert != nil {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

// Keys of kinds that crypto/x509 does not know are named.
func TestKeyNames(t *testing.T) {
	key := func(parts ...[]byte) []byte {
		return ber.Element(0x30, ber.Element(0x30, parts...), ber.Element(asn1.TagBitString, make([]byte, 40)))
	}
	for name, test := range map[string]struct{ key []byte }{
		"an RSA key of 2048 bits":                            {},
		"an RSA key for PSS only (RSASSA-PSS)":               {key(certtest.OID(1, 2, 840, 113549, 1, 1, 10))},
		"a DSA key":                                          {key(certtest.OID(1, 2, 840, 10040, 4, 1))},
		"an Ed448 key":                                       {key(certtest.OID(1, 3, 101, 113))},
		"an elliptic curve key (brainpoolP256r1)":            {key(certtest.OID(1, 2, 840, 10045, 2, 1), certtest.OID(1, 3, 36, 3, 3, 2, 8, 1, 1, 7))},
		"an elliptic curve key (1.2.3.4)":                    {key(certtest.OID(1, 2, 840, 10045, 2, 1), certtest.OID(1, 2, 3, 4))},
		"an elliptic curve key":                              {key(certtest.OID(1, 2, 840, 10045, 2, 1), ber.Element(0x30))},
		"an SLH-DSA key":                                     {key(certtest.OID(2, 16, 840, 1, 101, 3, 4, 3, 31))},
		"a HashML-DSA key":                                   {key(certtest.OID(2, 16, 840, 1, 101, 3, 4, 3, 32))},
		"an RSA key by the name of a signature (SHA256-RSA)": {key(certtest.OID(1, 2, 840, 113549, 1, 1, 11), ber.Element(asn1.TagNull))},
		"an ML-DSA-65 key":                                   {key(certtest.OID(2, 16, 840, 1, 101, 3, 4, 3, 18))},
		"a key of an unknown kind (1.2.3.4.5)":               {key(certtest.OID(1, 2, 3, 4, 5))},
		"an RSA key that cannot be read":                     {key(certtest.OID(1, 2, 840, 113549, 1, 1, 1), ber.Element(asn1.TagNull))},
		"a key that cannot be read":                          {key()},
	} {
		der := certtest.Make(public(), func(f *certtest.Fields) {
			if test.key != nil {
				f.Key = test.key
			}
		})
		cert, err := certread.Parse(der)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := certread.KeyName(cert); got != name || test.key != nil && cert.PublicKey != nil {
			t.Errorf("got %q, want %q; key %v", got, name, cert.PublicKey)
		}
		if !bytes.Equal(cert.Raw, der) || cert.EmailAddresses[0] != certtest.Email {
			t.Errorf("%s: %q", name, cert.EmailAddresses)
		}
	}
}

// What would keep the machine busy is refused.
func TestBounds(t *testing.T) {
	began := time.Now()
	for name, change := range map[string]func(*certtest.Fields){
		"extensions": func(f *certtest.Fields) {
			for range 1000 {
				f.Extensions = append(f.Extensions, f.Extensions[2])
			}
		},
		"names": func(f *certtest.Fields) {
			names := bytes.Repeat(ber.Element(0x81, []byte("\xff")), 200_000)
			f.Extensions[3] = certtest.Extension(certtest.OID(2, 5, 29, 17), false, ber.Element(0x30, names))
		},
	} {
		if _, err := certread.Parse(certtest.Make(public(), change)); err == nil || err.Error() != "it has more in it than any certificate needs" {
			t.Errorf("%s: %v", name, err)
		}
	}
	cert, err := certread.Parse(certtest.Make(public(), func(f *certtest.Fields) {
		names := bytes.Repeat(ber.Element(0x81, []byte("\xff")), 15_000)
		f.Extensions[3] = certtest.Extension(certtest.OID(2, 5, 29, 17), false, ber.Element(0x30, names))
	}))
	if err != nil || len(cert.EmailAddresses) != 100 || len(certread.Faults(cert)) > 10 {
		t.Errorf("%d addresses, %v", len(cert.EmailAddresses), err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}
