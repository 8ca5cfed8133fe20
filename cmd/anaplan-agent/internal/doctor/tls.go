package doctor

// TLS to Anaplan: its version, the CA that vouches for the certificate, and whether that CA
// inspects connections.

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
)

// judgeTLS says what the handshake has shown, and reports whether there was a good one.
func (x *examination) judgeTLS(target *url.URL, e *exchange, err error) bool {
	switch {
	case errors.Is(err, anaplan.ErrUntrusted):
		x.untrusted(target, e, err)
		return false
	case e.tls == nil && err != nil:
		x.failed("network.reach", err)
		return false
	case e.tls == nil:
		return true
	case e.tls.Version < tls.VersionTLS12:
		x.fail("network.tls", "ask the operator of the proxy or server in between; TLS 1.2 is required", "%s is reached by %s only, which is not safe", target.Host, tls.VersionName(e.tls.Version))
		return false
	}
	x.ok("network.tls", "%s speaks %s, and its certificate is trusted (issued by %s)", target.Host, tls.VersionName(e.tls.Version), issuerOf(e))
	x.judgeInterception(target, e)
	return true
}

// untrusted says why there is no trust, and who to ask.
func (x *examination) untrusted(target *url.URL, e *exchange, err error) {
	f := x.findingOf("network.tls", err)
	if e.tls != nil && isUnknownAuthority(e) {
		f.Do = "if that is your company's proxy or a test server, trust its CA: ca_file = \"FILE\", or --ca-file FILE"
		if isAnaplanHost(target) {
			f.Check = "network.interception"
			f.Do = "have " + target.Host + " excepted from inspection, or trust the CA that inspects: ca_file = \"FILE\""
		}
	}
	x.add(f)
}

// isUnknownAuthority reports whether nobody who is trusted has issued the certificate.
func isUnknownAuthority(e *exchange) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](vouch(e.tls, e.host, e.roots))
	return unknown
}

// isAnaplanHost reports whether a host is Anaplan's own.
func isAnaplanHost(target *url.URL) bool { return strings.HasSuffix(target.Hostname(), ".anaplan.com") }

// publicAuthorities are in the names of CAs that issue certificates for public servers.
// Anaplan's have been of DigiCert (contract section 4); the others are there because it may
// change that without a word.
var publicAuthorities = []string{
	"digicert", "let's encrypt", "isrg", "google trust services", "amazon", "sectigo", "comodo", "globalsign", "entrust",
	"godaddy", "starfield", "microsoft", "ssl corporation", "ssl.com", "identrust", "quovadis", "cloudflare", "baltimore",
}

// judgeInterception says whether the connection is opened on the way: logins and tokens can
// be read there.
func (x *examination) judgeInterception(target *url.URL, e *exchange) {
	if !isAnaplanHost(target) {
		return
	}
	issuer := issuerOf(e)
	name := strings.ToLower(issuer)
	isPublic := slices.ContainsFunc(publicAuthorities, func(known string) bool { return strings.Contains(name, known) })
	onlyByFile := x.profile.CAFile != "" && vouch(e.tls, e.host, nil) != nil
	if isPublic && !onlyByFile {
		return
	}
	x.warn("network.interception", "have "+target.Host+" excepted from inspection, which can read logins and tokens",
		"something between here and %s opens TLS: the certificate is issued by %s, which is not a public CA", target.Host, issuer)
}

// issuerOf names who has issued the certificate.
func issuerOf(e *exchange) string { return e.tls.PeerCertificates[0].Issuer.String() }
