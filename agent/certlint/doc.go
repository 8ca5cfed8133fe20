// Package certlint tells what Anaplan will think of a certificate, before it is registered. The
// commands enroll, cert --explain, import, rotate and doctor use it.
//
//	for _, f := range certlint.Check(cert, chain, time.Now()) {
//		if f.Severity == finding.Error { ... } // it will be refused
//	}
//	fmt.Print(certlint.Explain(cert, chain, time.Now())) // for people
//
// Every check tells what it has found, good or bad, in this order: certificate.validity, .email,
// .key, .keyusage, .eku, .selfsigned, .ca, .chain, .revocation and .signature. Those that need no
// clock, key or chain are agent.Examine's, so that the warnings at a login say the same. Of a CA's
// certificate there is .ca alone: it is the wrong one, and nothing else about it matters.
//
// # What it refuses
//
// Nothing: Anaplan is the judge. Which roots it trusts is not public, and whether it looks at all
// of the extended key usage is not known, so these are warnings. Nothing is fetched: whether a
// certificate has been revoked is not asked, only whether Anaplan can ask. All text that comes out
// is printable and, in a finding, of one line, whatever the certificate has in it.
package certlint
