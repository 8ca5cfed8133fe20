// Package certread reads certificates as other programs do: those that crypto/x509 reads, and those
// that it refuses although they say what a login needs: public key, dates, subject and e-mail
// addresses. Certificates are read with it wherever this program gets them: from files, tokens
// and cards.
//
//	cert, err := certread.Parse(der)
//	...
//	for _, fault := range certread.Faults(cert) { // none: it is written by the rules
//		fmt.Println("the certificate breaks a rule: " + fault)
//	}
//
// # How
//
// crypto/x509 is asked first, and what it reads is returned as it is. Of a certificate that it
// refuses a copy is mended, field by field: each is put into a sound certificate by itself, and if
// crypto/x509 refuses it there, it is written anew by the rules, or left out if a login can do
// without. So what is not mended means what crypto/x509 says that it means, and no mistake that it
// would find in what is read stays unsaid.
//
// # What comes out
//
// Raw, RawTBSCertificate, RawSubject, RawIssuer, RawSubjectPublicKeyInfo and Signature are the
// bytes that the CA has written, so that Anaplan gets those and CheckSignatureFrom works;
// Extensions are all that are there. A certificate that was mended never passes Verify: it
// has an unhandled critical extension. Nothing here decides whom to trust.
//
// # What it refuses
//
// What is not built like a certificate, and one whose dates cannot be read. A key of a kind
// that crypto/x509 does not know is not an error: PublicKey is nil, and KeyName says what it is.
package certread
