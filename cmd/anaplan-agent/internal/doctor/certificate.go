package doctor

// The certificates that would log in, as Anaplan will see them.

import (
	"crypto/x509"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/certlint"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
)

// checkCertificates looks at the certificate of each key.
func (x *examination) checkCertificates() {
	seen := map[string]bool{}
	for _, report := range x.devices {
		if cert, err := x509.ParseCertificate(report.facts.Certificate); err == nil && !seen[string(cert.Raw)] {
			seen[string(cert.Raw)] = true
			x.judgeCertificate(cert, parsedChain(report.facts.Chain))
		}
	}
	if len(seen) > 0 || x.profile == nil {
		return
	}
	if x.profile.Certificate != "" {
		if cert, err := device.ReadCertificate(x.profile.Certificate); err == nil {
			x.judgeCertificate(cert, nil)
			return
		}
	}
	if !x.hasErrors("certificate.") {
		x.skip("certificate.validity", "no certificate was found that could be looked at")
	}
}

// parsedChain returns what of a device's certificates can be read.
func parsedChain(raw [][]byte) (chain []*x509.Certificate) {
	for _, der := range raw {
		if cert, err := x509.ParseCertificate(der); err == nil && cert.IsCA {
			chain = append(chain, cert)
		}
	}
	return chain
}

// judgeCertificate says what Anaplan will have against it. Which user it is for comes first:
// with several certificates on a device this is by what a person tells them apart.
func (x *examination) judgeCertificate(cert *x509.Certificate, chain []*x509.Certificate) {
	name := agent.Email(cert)
	if name == "" {
		name = "nobody"
	}
	x.ok("certificate.present", "%s; for Anaplan it is %s's", device.Describe(cert), name)
	for _, f := range certlint.Check(cert, chain, time.Now()) {
		x.add(f)
	}
	if size := len(anaplan.Authorization(cert, anaplan.HeaderForm(x.profile.HeaderForm))); size > largeHeader {
		x.info("certificate.header", `if a proxy refuses it: header_form = "der" is a quarter shorter`, "it makes a header of %d bytes in each login, and some proxies take %d", size, largeHeader)
	}
}

// largeHeader is what many proxies take of a header, in bytes.
const largeHeader = 8000
