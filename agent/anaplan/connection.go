package anaplan

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
)

// errCutOff marks a connection that broke in the middle of an answer.
var errCutOff = errors.New("the connection broke in the middle of the answer")

// connectionError says in words why no answer came, and decides whether sending
// again can help.
func (c *Client) connectionError(err error, secrets secrets) *ConnectionError {
	broken := classify(err)
	if broken.Reason == "" {
		broken.Reason = fmt.Sprintf("no answer within %v", c.retry.AttemptTimeout)
	}
	broken.Host = c.base.Host
	broken.Reason = secrets.clean(broken.Reason)
	broken.Issuer = secrets.clean(broken.Issuer)
	return broken
}

// classify knows net/http's failures. Those it does not know count as broken
// connections: the bound of attempts makes that harmless.
func classify(err error) *ConnectionError {
	if known, ok := errors.AsType[*ConnectionError](err); ok {
		again := *known
		return &again
	}
	if refused, ok := errors.AsType[*upstream.ProxyError](err); ok {
		return &ConnectionError{Kind: ErrUnreachable, Reason: refused.Error(), final: refused.Status < 500}
	}
	if untrusted := classifyTLS(err); untrusted != nil {
		return untrusted
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return classifyName(name)
	}
	return classifyBroken(err)
}

// classifyName names the host, which may be a proxy's.
func classifyName(failed *net.DNSError) *ConnectionError {
	if failed.IsNotFound {
		return &ConnectionError{
			Kind: ErrUnreachable, final: true,
			Reason: fmt.Sprintf("there is no host %q; check the region, the auth URL and HTTPS_PROXY", failed.Name),
		}
	}
	return &ConnectionError{Kind: ErrUnreachable, Reason: fmt.Sprintf("the name %q cannot be looked up now", failed.Name)}
}

func classifyBroken(err error) *ConnectionError {
	operation, _ := errors.AsType[*net.OpError](err)
	switch {
	case neterror.IsRefused(err):
		return &ConnectionError{Kind: ErrUnreachable, Reason: "the connection was refused" + via(operation)}
	// Before the timeouts: a dial that takes too long never reached anybody.
	case operation != nil && (operation.Op == "dial" || operation.Op == "proxyconnect"):
		return &ConnectionError{Kind: ErrUnreachable, Reason: "no connection could be made" + via(operation)}
	case errors.Is(err, errCutOff):
		return &ConnectionError{Kind: ErrUnavailable, Reason: errCutOff.Error()}
	case isTimeout(err):
		return &ConnectionError{Kind: ErrUnavailable} // connectionError knows the limit
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || neterror.IsBroken(err):
		return &ConnectionError{Kind: ErrUnavailable, Reason: "the connection broke before an answer came"}
	}
	return &ConnectionError{Kind: ErrUnavailable, Reason: withoutURL(err).Error()}
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

// via names the proxy where it was dialled instead of the service.
func via(operation *net.OpError) string {
	if operation == nil || operation.Op != "proxyconnect" {
		return ""
	}
	return " by the proxy; check HTTPS_PROXY"
}

// withoutURL drops the frame that net/http puts around its errors: the host is
// named already.
func withoutURL(err error) error {
	if framed, ok := errors.AsType[*url.Error](err); ok {
		return framed.Err
	}
	return err
}

// classifyTLS returns the error of a handshake that failed for good; nil for
// anything else, a handshake cut short included.
func classifyTLS(err error) *ConnectionError {
	if failed, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &ConnectionError{Kind: ErrUntrusted, Reason: distrust(failed), Issuer: issuer(failed.UnverifiedCertificates), final: true}
	}
	if words := upstream.NoTLS(err); words != "" {
		return &ConnectionError{Kind: ErrUntrusted, Reason: words, final: true}
	}
	// An alert, ours or theirs, such as one about protocol versions.
	if alert, ok := errors.AsType[*net.OpError](err); ok && (alert.Op == "remote error" || alert.Op == "local error") {
		return &ConnectionError{Kind: ErrUntrusted, Reason: alert.Error() + "; TLS 1.2 or newer is needed", final: true}
	}
	return nil
}

// distrust says in words why a certificate was not believed.
func distrust(failed *tls.CertificateVerificationError) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](failed); ok {
		return upstream.Unvouched()
	}
	if _, ok := errors.AsType[x509.HostnameError](failed); ok {
		return "its certificate is for another host: " + failed.Err.Error()
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](failed); ok && invalid.Reason == x509.Expired {
		return fmt.Sprintf("by this machine's clock its certificate has expired or is not valid yet (valid from %s to %s)",
			invalid.Cert.NotBefore.UTC().Format(time.RFC3339), invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
	}
	return failed.Err.Error()
}

func issuer(chain []*x509.Certificate) string {
	if len(chain) == 0 {
		return ""
	}
	return chain[0].Issuer.String()
}
