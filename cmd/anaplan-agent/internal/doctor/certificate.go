package doctor

// The certificates that would log in, as Anaplan will see them.

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"slices"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/certlint"
	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
)

// judged is a certificate that is to be looked at.
type judged struct {
	cert     *x509.Certificate
	chain    []*x509.Certificate
	unpaired bool // whether its key is on the device is not known
}

// checkCertificates looks at the certificate of each key; where no device shows one, at the file's; and
// where that is not set, at those whose keys a device hides.
func checkCertificates(r *Report, p *config.Profile, devices deviceReports) {
	if p == nil {
		return
	}
	all := certificatesOf(devices, func(facts deviceFacts) [][]byte { return [][]byte{facts.Certificate} }, false)
	if len(all) == 0 && p.Certificate != "" {
		if cert, err := device.ReadCertificate(p.Certificate); err == nil {
			all = append(all, judged{cert: cert})
		}
	} else if len(all) == 0 {
		all = certificatesOf(devices, func(facts deviceFacts) [][]byte { return facts.Unpaired }, true)
	}
	for _, c := range all {
		c.judge(r, p, len(all) > 1)
	}
	if len(all) == 0 && !r.hasErrors("certificate.") {
		r.skip("certificate.validity", "no certificate was found that could be looked at")
	}
}

// certificatesOf returns some certificates of the devices, each once.
func certificatesOf(devices deviceReports, which func(deviceFacts) [][]byte, unpaired bool) (all []judged) {
	for _, report := range devices {
		for _, der := range which(report.facts) {
			cert, err := certread.Parse(der)
			if err != nil || slices.ContainsFunc(all, func(c judged) bool { return c.cert.Equal(cert) }) {
				continue
			}
			all = append(all, judged{cert, chainOf(cert, report.facts.Chain), unpaired})
		}
	}
	return all
}

// chainOf returns the CAs' certificates on a device, if one of them may be that of the certificate's
// issuer: a device has others as well, as those of its other keys, or that by which it attests keys.
func chainOf(cert *x509.Certificate, raw [][]byte) (chain []*x509.Certificate) {
	issued := false
	for _, der := range raw {
		if ca, err := certread.Parse(der); err == nil && ca.IsCA && hardware.NoLogin(ca) == "" {
			chain, issued = append(chain, ca), issued || bytes.Equal(ca.RawSubject, cert.RawIssuer)
		}
	}
	if !issued {
		return nil
	}
	return chain
}

// judge says what Anaplan will have against it. Which user it is for comes first: with several
// certificates on a device this is by what a person tells them apart, and each finding says which it is about.
func (c judged) judge(r *Report, p *config.Profile, oneOfMany bool) {
	cert, name, whose := c.cert, "", ""
	if c.unpaired {
		whose = "; whether its key is on the device, only a login tells"
	}
	if oneOfMany {
		name = device.Describe(cert) + ": "
	}
	r.ok("certificate.present", "%s; for Anaplan it is %s's%s", device.Describe(cert), cmp.Or(agent.Email(cert), "nobody"), whose)
	for _, f := range certlint.Check(cert, c.chain, time.Now()) {
		f.What = name + f.What
		if c.unpaired && oneOfMany && f.Severity == finding.Error {
			f.Severity = finding.Warning // it may not be the one that logs in
		}
		r.add(f)
	}
	if size := len(anaplan.Authorization(cert, anaplan.HeaderForm(p.HeaderForm))); size > largeHeader {
		r.info("certificate.header", `if a proxy refuses it: header_form = "der" is a quarter shorter`, "it makes a header of %d bytes in each login, and some proxies take %d", size, largeHeader)
	}
}

// largeHeader is what many proxies take of a header, in bytes.
const largeHeader = 8000
