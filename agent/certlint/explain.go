package certlint

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/agent/printable"
)

// Explain returns a text for people: what is in a certificate of that by which Anaplan judges it,
// and what Anaplan may refuse. It ends with a line end.
func Explain(cert *x509.Certificate, chain []*x509.Certificate, now time.Time) string {
	s := newSubject(cert, chain, now)
	var text strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&text, "%-20s %s\n", name, printable.Line(fmt.Sprintf(format, args...)))
	}
	row("subject", "%s", certread.Name(cert.Subject))
	emails := s.emails()
	switch _, doubted := s.doubts["certificate.email"]; {
	case len(emails) == 0:
		row("e-mail", "none, so Anaplan finds no user")
	case doubted:
		row("e-mail", "in the %s, and hardly the Anaplan user: see below", s.emailPlace())
	default:
		row("e-mail", "%s, from the %s: the Anaplan user", emails[0], s.emailPlace())
	}
	row("issuer", "%s", certread.Name(cert.Issuer))
	for _, ca := range s.issuers() {
		kind := "issued by " + certread.Name(ca.Issuer)
		if isSelfIssued(ca) {
			kind = "a root"
		}
		row("  chain", "%s, %s", certread.Name(ca.Subject), kind)
	}
	row("serial number", "%x", cert.SerialNumber)
	row("valid", "from %s until %s", moment(cert.NotBefore), moment(cert.NotAfter))
	row("key", "%s", keyName(cert))
	row("key usage", "%s", keyUsages(cert))
	row("extended key usage", "%s", extendedKeyUsages(cert))
	row("CRL", "%s", cmp.Or(strings.Join(cert.CRLDistributionPoints, ", "), "none"))
	row("OCSP", "%s", cmp.Or(strings.Join(cert.OCSPServer, ", "), "none"))
	row("signature", "%s", signatureName(cert))

	findings := Check(cert, chain, now)
	list(&text, findings, finding.Error, "Anaplan will refuse it:")
	list(&text, findings, finding.Warning, "This may be in the way:")
	list(&text, findings, finding.Info, "Worth knowing:")
	list(&text, findings, finding.Skipped, "Not checked:")
	if worst := finding.Worst(findings); worst != finding.Error && worst != finding.Warning {
		text.WriteString("\nNothing was found that Anaplan would refuse. Only Anaplan knows which roots it trusts.\n")
	}
	return text.String()
}

// list writes the findings of a severity, if there are any.
func list(text *strings.Builder, findings []finding.Finding, severity finding.Severity, title string) {
	for _, f := range findings {
		if f.Severity != severity {
			continue
		}
		if title != "" {
			fmt.Fprintf(text, "\n%s\n", title)
			title = ""
		}
		fmt.Fprintf(text, "- %s\n", f.What)
		if f.Do != "" {
			fmt.Fprintf(text, "  %s\n", f.Do)
		}
	}
}
