package doctor

// TLS to Anaplan: its version, the CA that vouches for the certificate, and whether that CA
// inspects connections.

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
)

// judgeTLS says what the handshake has shown, and reports whether there was a good one.
func (n *network) judgeTLS(e *exchange, err error) bool {
	host := e.target.Host
	switch {
	case errors.Is(err, anaplan.ErrUntrusted):
		n.untrusted(e, err)
		return false
	case e.tls == nil && err != nil:
		n.failed("network.reach", err)
		return false
	case e.tls == nil:
		return true
	case e.tls.Version < tls.VersionTLS12:
		n.fail("network.tls", "ask the operator of the proxy or server in between; TLS 1.2 is required", "%s is reached by %s only, which is not safe", host, tls.VersionName(e.tls.Version))
		return false
	}
	n.ok("network.tls", "%s speaks %s, and its certificate is trusted (issued by %s)", host, tls.VersionName(e.tls.Version), e.issuer())
	n.judgeInterception(e)
	return true
}

// untrusted says why there is no trust, and who to ask.
func (n *network) untrusted(e *exchange, err error) {
	f := n.findingOf("network.tls", err)
	if e.tls != nil && e.isUnknownAuthority() {
		f.Do = "if that is your company's proxy or a test server, trust its CA: ca_file = \"FILE\", or --ca-file FILE"
		if e.isAnaplans() {
			f.Check = "network.interception"
			f.Do = "have " + e.target.Host + " excepted from inspection, or trust the CA that inspects: ca_file = \"FILE\""
		}
	}
	n.add(f)
}

// isUnknownAuthority reports whether nobody who is trusted has issued the certificate.
func (e *exchange) isUnknownAuthority() bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](vouch(e.tls, e.target.Hostname(), e.roots))
	return unknown
}

// isAnaplans reports whether the host is Anaplan's own.
func (e *exchange) isAnaplans() bool {
	return strings.HasSuffix(e.target.Hostname(), ".anaplan.com")
}

// publicAuthorities are in the names of CAs that issue certificates for public servers.
// Anaplan's have been of DigiCert (contract section 4); the others are there because it may
// change that without a word.
var publicAuthorities = []string{
	"digicert", "let's encrypt", "isrg", "google trust services", "amazon", "sectigo", "comodo", "globalsign", "entrust",
	"godaddy", "starfield", "microsoft", "ssl corporation", "ssl.com", "identrust", "quovadis", "cloudflare", "baltimore",
}

// judgeInterception says whether the connection is opened on the way: logins and tokens can
// be read there.
func (n *network) judgeInterception(e *exchange) {
	if !e.isAnaplans() {
		return
	}
	issuer := e.issuer()
	name := strings.ToLower(issuer)
	isPublic := slices.ContainsFunc(publicAuthorities, func(known string) bool { return strings.Contains(name, known) })
	onlyByFile := n.caFile != "" && vouch(e.tls, e.target.Hostname(), nil) != nil
	if isPublic && !onlyByFile {
		return
	}
	n.warn("network.interception", "have "+e.target.Host+" excepted from inspection, which can read logins and tokens",
		"something between here and %s opens TLS: the certificate is issued by %s, which is not a public CA", e.target.Host, issuer)
}

// issuer names who has issued the certificate.
func (e *exchange) issuer() string { return e.tls.PeerCertificates[0].Issuer.String() }
