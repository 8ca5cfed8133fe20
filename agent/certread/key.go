package certread

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
)

// Kinds of keys (RFC 8017 appendix C, RFC 5480 section 2.1.1).
const (
	oidRSA = "1.2.840.113549.1.1.1"
	oidEC  = "1.2.840.10045.2.1"
)

// notPlainRSA are RSA keys by names that allow one use of them only, are not of a key, or are too old to be
// read.
var notPlainRSA = map[string]string{
	"1.2.840.113549.1.1.10": "an RSA key for PSS only (RSASSA-PSS)",
	"1.2.840.113549.1.1.7":  "an RSA key for encryption only (RSAES-OAEP)",
	"2.5.8.1.1":             "an RSA key by an old name that is not read any more (2.5.8.1.1)",
	"1.2.840.113549.1.1.5":  "an RSA key by the name of a signature (SHA1-RSA)",
	"1.2.840.113549.1.1.11": "an RSA key by the name of a signature (SHA256-RSA)",
	"1.2.840.113549.1.1.12": "an RSA key by the name of a signature (SHA384-RSA)",
	"1.2.840.113549.1.1.13": "an RSA key by the name of a signature (SHA512-RSA)",
}

// kinds names the other ones.
var kinds = map[string]string{
	"1.2.840.10040.4.1":          "a DSA key",
	"1.3.14.3.2.12":              "a DSA key",
	"1.2.840.113549.1.3.1":       "a Diffie-Hellman key",
	"1.2.840.10046.2.1":          "a Diffie-Hellman key",
	"2.16.840.1.101.2.1.1.22":    "a KEA key",
	"1.3.6.1.4.1.3029.1.2.1":     "an ElGamal key",
	"1.3.14.7.2.1.1":             "an ElGamal key",
	"1.3.132.1.12":               "an elliptic curve key for key agreement only (ECDH)",
	"1.3.132.1.13":               "an elliptic curve key for key agreement only (ECMQV)",
	"1.2.156.10197.1.301":        "an elliptic curve key (SM2)",
	"1.2.804.2.1.1.1.1.3.1.1":    "a DSTU 4145 key",
	"1.2.410.200004.1.1":         "a KCDSA key",
	"1.2.840.113549.1.9.16.3.17": "an HSS/LMS key",
	"1.3.6.1.5.5.7.6.34":         "an XMSS key",
	"1.3.6.1.5.5.7.6.35":         "an XMSS^MT key",
	"1.3.101.110":                "an X25519 key",
	"1.3.101.111":                "an X448 key",
	"1.3.101.112":                "an Ed25519 key",
	"1.3.101.113":                "an Ed448 key",
	"1.2.643.2.2.19":             "a GOST key",
	"1.2.643.7.1.1.1.1":          "a GOST key",
	"1.2.643.7.1.1.1.2":          "a GOST key",

	"2.16.840.1.101.3.4.3.17": "an ML-DSA-44 key",
	"2.16.840.1.101.3.4.3.18": "an ML-DSA-65 key",
	"2.16.840.1.101.3.4.3.19": "an ML-DSA-87 key",
	"2.16.840.1.101.3.4.4.1":  "an ML-KEM-512 key",
	"2.16.840.1.101.3.4.4.2":  "an ML-KEM-768 key",
	"2.16.840.1.101.3.4.4.3":  "an ML-KEM-1024 key",
}

// families names kinds of which there are many: those whose numbers begin so, from one to another.
var families = []struct {
	arc         string
	first, last int
	name        string
}{
	{"2.16.840.1.101.3.4.3.", 20, 31, "an SLH-DSA key"},
	{"2.16.840.1.101.3.4.3.", 32, 34, "a HashML-DSA key"},
	{"2.16.840.1.101.3.4.3.", 35, 46, "a HashSLH-DSA key"},
	{"1.3.6.1.5.5.7.6.", 37, 54, "a composite ML-DSA key"},
	{"2.16.840.1.114027.80.8.1.", 0, 999, "a composite ML-DSA key"},
	{"2.16.840.1.114027.80.9.1.", 0, 999, "a composite ML-DSA key"},
	{"1.3.9999.3.", 0, 999, "a Falcon key"},
}

// familyOf returns the name of a kind's family; "" without.
func familyOf(oid string) string {
	for _, f := range families {
		rest, ok := strings.CutPrefix(oid, f.arc)
		if n, err := strconv.Atoi(rest); ok && err == nil && f.first <= n && n <= f.last {
			return f.name
		}
	}
	return ""
}

// curves names those that occur (RFC 5480 section 2.1.1.1, RFC 5639 appendix A).
var curves = map[string]string{
	"1.2.840.10045.3.1.1":   "P-192",
	"1.3.132.0.33":          "P-224",
	"1.2.840.10045.3.1.7":   "P-256",
	"1.3.132.0.34":          "P-384",
	"1.3.132.0.35":          "P-521",
	"1.3.132.0.10":          "secp256k1",
	"1.3.36.3.3.2.8.1.1.7":  "brainpoolP256r1",
	"1.3.36.3.3.2.8.1.1.8":  "brainpoolP256t1",
	"1.3.36.3.3.2.8.1.1.9":  "brainpoolP320r1",
	"1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
	"1.3.36.3.3.2.8.1.1.12": "brainpoolP384t1",
	"1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
	"1.3.36.3.3.2.8.1.1.14": "brainpoolP512t1",
	"1.2.156.10197.1.301":   "SM2",
}

// KindOfKey names a kind of key, as "an Ed448 key", by its algorithm and the parameters of that,
// which only elliptic curves have.
func KindOfKey(oid string, parameters asn1.RawValue) string {
	curve := ber.OID(parameters)
	switch {
	case oid == oidEC && curve != "":
		return "an elliptic curve key (" + cmp.Or(curves[curve], curve) + ")"
	case oid == oidEC:
		return "an elliptic curve key"
	case oid == oidRSA:
		return "an RSA key"
	case oid == "":
		return "a key that cannot be read"
	}
	return cmp.Or(kinds[oid], notPlainRSA[oid], familyOf(oid), fmt.Sprintf("a key of an unknown kind (%s)", oid))
}

// IsOtherRSA reports whether a certificate's key is an RSA key by another name than the plain one, such as
// RSASSA-PSS: the CA could certify the same key by that for logins.
func IsOtherRSA(cert *x509.Certificate) bool {
	oid, _ := keyAlgorithm(cert)
	return notPlainRSA[oid] != ""
}

// KeyName says what the key of a certificate is, as "an RSA key of 2048 bits" or "an elliptic curve
// key (brainpoolP256r1)". It knows more kinds than crypto/x509.
func KeyName(cert *x509.Certificate) string {
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("an RSA key of %d bits", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "an elliptic curve key (" + key.Params().Name + ")"
	case ed25519.PublicKey:
		return "an Ed25519 key"
	}
	oid, parameters := keyAlgorithm(cert)
	if oid == oidRSA {
		return "an RSA key that cannot be read"
	}
	return KindOfKey(oid, parameters)
}
