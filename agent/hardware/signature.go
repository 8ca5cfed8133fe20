package hardware

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
)

// ProbeText is signed to see which public key is a private key's. It is short and signed with
// SHA-256, so that the signature can never pass for a login, which is one by SHA-512.
const ProbeText = "device: which key is this?"

// Digest hashes in this process, so that the device gets a few bytes and not the message.
func Digest(hash crypto.Hash, message []byte) []byte {
	h := hash.New()
	h.Write(message)
	return h.Sum(nil)
}

// Verify checks an RSASSA-PKCS1-v1_5 signature over message with Go's own RSA, which trusts
// nothing that comes from the device. It returns ErrBadSignature or nil.
func Verify(public *rsa.PublicKey, hash crypto.Hash, message, signature []byte) error {
	if rsa.VerifyPKCS1v15(public, hash, Digest(hash, message), signature) != nil {
		return ErrBadSignature
	}
	return nil
}

// CertificateRequest returns a PKCS#10 request (RFC 2986) for a key in DER, with the subject,
// names and extensions of template; nil is an empty one. sign signs with the key, by SHA-256,
// whatever the template asks for.
func CertificateRequest(template *x509.CertificateRequest, public *rsa.PublicKey, sign func(message []byte) ([]byte, error)) ([]byte, error) {
	var wanted x509.CertificateRequest
	if template != nil {
		wanted = *template // a copy, because it is the caller's and may serve for another key
	}
	wanted.SignatureAlgorithm = x509.SHA256WithRSA
	der, err := x509.CreateCertificateRequest(rand.Reader, &wanted, requestSigner{public, sign})
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	return der, nil
}

// requestSigner lets crypto/x509 sign a request. It signs with SHA-256 and does nothing else.
type requestSigner struct {
	public *rsa.PublicKey
	sign   func(message []byte) ([]byte, error)
}

// Public implements crypto.Signer.
func (s requestSigner) Public() crypto.PublicKey { return s.public }

// SignMessage implements crypto.MessageSigner, which crypto/x509 prefers: tokens that only sign
// what they have hashed themselves need the message.
func (s requestSigner) SignMessage(_ io.Reader, message []byte, options crypto.SignerOpts) ([]byte, error) {
	if options.HashFunc() != crypto.SHA256 {
		return nil, errors.New("requests are signed with SHA-256 only")
	}
	signature, err := s.sign(message)
	if err == nil {
		err = Verify(s.public, crypto.SHA256, message, signature)
	}
	return signature, err
}

// Sign implements crypto.Signer. Nobody calls it.
func (s requestSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("requests are signed from the message only")
}
