package doctor

// The certificates that would log in, as Anaplan will see them.

import (
	"cmp"
	"crypto/x509"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/certlint"
	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
)

// checkCertificates looks at the certificate of each key; where no device shows one, at the file's.
func checkCertificates(r *Report, p *config.Profile, devices deviceReports) {
	seen := map[string]bool{}
	for _, report := range devices {
		if cert, err := certread.Parse(report.facts.Certificate); err == nil && !seen[string(cert.Raw)] {
			seen[string(cert.Raw)] = true
			judgeCertificate(r, p, cert, parsedChain(report.facts.Chain))
		}
	}
	if len(seen) > 0 || p == nil {
		return
	}
	if p.Certificate != "" {
		if cert, err := device.ReadCertificate(p.Certificate); err == nil {
			judgeCertificate(r, p, cert, nil)
			return
		}
	}
	if !r.hasErrors("certificate.") {
		r.skip("certificate.validity", "no certificate was found that could be looked at")
	}
}

// parsedChain returns what of a device's certificates can be read.
func parsedChain(raw [][]byte) (chain []*x509.Certificate) {
	for _, der := range raw {
		if cert, err := certread.Parse(der); err == nil && cert.IsCA {
			chain = append(chain, cert)
		}
	}
	return chain
}

// judgeCertificate says what Anaplan will have against it. Which user it is for comes first:
// with several certificates on a device this is by what a person tells them apart.
func judgeCertificate(r *Report, p *config.Profile, cert *x509.Certificate, chain []*x509.Certificate) {
	r.ok("certificate.present", "%s; for Anaplan it is %s's", device.Describe(cert), cmp.Or(agent.Email(cert), "nobody"))
	for _, f := range certlint.Check(cert, chain, time.Now()) {
		r.add(f)
	}
	if size := len(anaplan.Authorization(cert, anaplan.HeaderForm(p.HeaderForm))); size > largeHeader {
		r.info("certificate.header", `if a proxy refuses it: header_form = "der" is a quarter shorter`, "it makes a header of %d bytes in each login, and some proxies take %d", size, largeHeader)
	}
}

// largeHeader is what many proxies take of a header, in bytes.
const largeHeader = 8000
