package certlint

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
)

func isSelfIssued(cert *x509.Certificate) bool { return bytes.Equal(cert.RawIssuer, cert.RawSubject) }

// path checks the chain, as far as it is at hand. CAs do not send their roots as a rule, so one
// that ends before is as good as it gets.
func (s subject) path() finding.Finding {
	if isSelfIssued(s.cert) {
		return finding.Finding{Severity: finding.Skipped, What: "what has signed itself has no chain"}
	}
	if len(s.chain) == 0 {
		return finding.Finding{Severity: finding.Skipped, What: fmt.Sprintf("no CA's certificate is at hand; its issuer is %s", certread.Name(s.cert.Issuer)),
			Do: "to have the chain checked, give the CA's certificates along with it"}
	}
	issuers := s.issuers()
	if bad, ok := s.brokenAt(issuers); ok {
		return bad
	}
	last := issuers[len(issuers)-1]
	if isSelfIssued(last) {
		return fine("it leads to the root %s", certread.Name(last.Subject))
	}
	return finding.Finding{Severity: finding.Info, What: fmt.Sprintf("it leads to %s, whose issuer, %s, is not at hand", certread.Name(last.Subject), certread.Name(last.Issuer)),
		Do: "nothing, if Anaplan's list of CAs has that issuer"}
}

// brokenAt returns what is wrong with the issuers that were found.
func (s subject) brokenAt(issuers []*x509.Certificate) (finding.Finding, bool) {
	const renew = "get the certificates that belong to it from the CA"
	warning := func(format string, args ...any) (finding.Finding, bool) {
		return finding.Finding{Severity: finding.Warning, What: fmt.Sprintf(format, args...), Do: renew}, true
	}
	if len(issuers) == 0 {
		for _, ca := range s.chain {
			if bytes.Equal(ca.RawSubject, s.cert.RawIssuer) {
				return warning("the CA's certificate at hand has its issuer's name, %s, and has not signed it", certread.Name(s.cert.Issuer))
			}
		}
		return warning("none of the %d certificates of CAs at hand is its issuer's, %s", len(s.chain), certread.Name(s.cert.Issuer))
	}
	for _, ca := range issuers {
		if s.now.After(ca.NotAfter) || s.now.Before(ca.NotBefore) {
			return warning("in its chain, %s is valid only from %s until %s", certread.Name(ca.Subject), date(ca.NotBefore), date(ca.NotAfter))
		}
		if name := ca.SignatureAlgorithm.String(); !isSelfIssued(ca) && (strings.Contains(name, "SHA1") || strings.Contains(name, "MD5")) {
			return warning("in its chain, %s is signed with %s, which is no longer trusted", certread.Name(ca.Subject), name)
		}
	}
	return finding.Finding{}, false
}

// issuers returns the chain in its order, the certificate's own issuer first.
func (s subject) issuers() []*x509.Certificate {
	var found []*x509.Certificate
	for cert := s.cert; cert != nil && !isSelfIssued(cert) && len(found) < len(s.chain); {
		if cert = s.issuerOf(cert); cert != nil {
			found = append(found, cert)
		}
	}
	return found
}

// issuerOf returns the CA that has signed a certificate, rather one that is valid today; nil if
// it is not at hand.
func (s subject) issuerOf(cert *x509.Certificate) *x509.Certificate {
	var found *x509.Certificate
	for _, ca := range s.chain {
		if !hasSigned(ca, cert) {
			continue
		}
		if found == nil || s.now.After(found.NotAfter) || s.now.Before(found.NotBefore) {
			found = ca
		}
	}
	return found
}

// hasSigned takes the name for enough where the signature is of a kind that Go does not check any
// more, which brokenAt and the check of the signature tell.
func hasSigned(ca, cert *x509.Certificate) bool {
	if !bytes.Equal(ca.RawSubject, cert.RawIssuer) {
		return false
	}
	err := cert.CheckSignatureFrom(ca)
	_, insecure := err.(x509.InsecureAlgorithmError)
	return err == nil || insecure
}
