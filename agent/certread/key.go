package certread

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
)

// Kinds of keys (RFC 8017 appendix C, RFC 5480 section 2.1.1).
const (
	oidRSA = "1.2.840.113549.1.1.1"
	oidEC  = "1.2.840.10045.2.1"
)

// kinds names the other ones.
var kinds = map[string]string{
	"1.2.840.113549.1.1.10": "an RSA key for PSS only (RSASSA-PSS)",
	"1.2.840.113549.1.1.7":  "an RSA key for encryption only (RSAES-OAEP)",
	"2.5.8.1.1":             "an RSA key by an old name that is not read any more (2.5.8.1.1)",
	"1.2.840.10040.4.1":     "a DSA key",
	"1.2.840.113549.1.3.1":  "a Diffie-Hellman key",
	"1.2.840.10046.2.1":     "a Diffie-Hellman key",
	"1.3.101.110":           "an X25519 key",
	"1.3.101.111":           "an X448 key",
	"1.3.101.112":           "an Ed25519 key",
	"1.3.101.113":           "an Ed448 key",
	"1.2.643.2.2.19":        "a GOST key",
	"1.2.643.7.1.1.1.1":     "a GOST key",
	"1.2.643.7.1.1.1.2":     "a GOST key",

	"2.16.840.1.101.3.4.3.17": "an ML-DSA-44 key",
	"2.16.840.1.101.3.4.3.18": "an ML-DSA-65 key",
	"2.16.840.1.101.3.4.3.19": "an ML-DSA-87 key",
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
	return cmp.Or(kinds[oid], fmt.Sprintf("a key of an unknown kind (%s)", oid))
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
