package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
)

// Errors of Serve and RoundTrip to branch on with errors.Is. Errors of the Source and of the
// Limiter come as they are.
var (
	// ErrUpgrade: the client wants another protocol on its connection.
	ErrUpgrade = errors.New("the connection cannot be upgraded to another protocol")
	// ErrMethod: CONNECT would be a tunnel, and TRACE would show the token.
	ErrMethod = errors.New("the method is not forwarded")
	// ErrPath: Call.Path would not be sent as it is written.
	ErrPath = errors.New("the path is not in its escaped form")
	// ErrRedirect: a redirect leads to another host, where the token is not sent.
	ErrRedirect = errors.New("the redirect leads to another host, and is not followed")
	// ErrSlowBody: the client has begun a body, and nothing more of it came.
	ErrSlowBody = errors.New("the body of the request stalled")
	// ErrBodyCut: the client's body broke off, or is malformed. It wraps why.
	ErrBodyCut = errors.New("the body of the request ended early")
	// ErrGone: the client does not wait for the answer any more.
	ErrGone = errors.New("the client has gone")
	// ErrAnswerCut: the service's answer broke off, or stalled.
	ErrAnswerCut = errors.New("the answer of the service ended early")
)

// UnreachableError is a call that got no answer, or one that cannot be passed on.
type UnreachableError struct {
	// Host is the service that the call was for.
	Host string
	// Err says in words why. It is not the cause: what net/http says can quote the service or
	// a proxy's address, and those the token or a password.
	Err error
	// Timeout: it took too long.
	Timeout bool
	// Sent: the request may have arrived, and what it asks for may have been done.
	Sent bool
}

// ToldError is an error of a Transport's Base that callers get as it is, in Err: it is in words already,
// as those of another Transport are.
type ToldError struct{ Err error }

func (e *ToldError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *ToldError) Unwrap() error { return e.Err }

// MayBeDone is what there is to say of a change that was Sent.
const MayBeDone = "Anaplan may have done it all the same: look before you repeat it"

func (e *UnreachableError) Error() string { return e.Host + " cannot be reached: " + e.Err.Error() }

// Unwrap returns Err.
func (e *UnreachableError) Unwrap() error { return e.Err }

// unreachable puts a failure of a transport into words.
func unreachable(host string, err error) *UnreachableError {
	timeout, ok := errors.AsType[net.Error](err)
	return &UnreachableError{Host: host, Err: errors.New(reason(err)), Timeout: ok && timeout.Timeout(), Sent: !isBefore(err)}
}

// isBefore reports whether a failure came before there was a connection to send anything on.
func isBefore(err error) bool {
	operation, isOperation := errors.AsType[*net.OpError](err)
	_, isRefused := errors.AsType[*upstream.ProxyError](err)
	_, isName := errors.AsType[*net.DNSError](err)
	return untrusted(err) != "" || isRefused || isName || isOperation && (operation.Op == "dial" || operation.Op == "proxyconnect")
}

// reason has words for the failures that it knows, and shows no foreign text for the others.
func reason(err error) string {
	if words := untrusted(err); words != "" {
		return words
	}
	operation, _ := errors.AsType[*net.OpError](err)
	via := ""
	if operation != nil && operation.Op == "proxyconnect" {
		via = " by the proxy; check HTTPS_PROXY"
	}
	refused, isRefused := errors.AsType[*upstream.ProxyError](err)
	name, isName := errors.AsType[*net.DNSError](err)
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case isRefused:
		return refused.Error()
	case isName && name.IsNotFound:
		return fmt.Sprintf("there is no host %q; check the region, the API URL and HTTPS_PROXY", name.Name)
	case isName:
		return fmt.Sprintf("the name %q cannot be looked up now", name.Name)
	case neterror.IsRefused(err):
		return "the connection was refused" + via
	case operation != nil && (operation.Op == "dial" || operation.Op == "proxyconnect"):
		return "no connection could be made" + via
	case isNet && timeout.Timeout():
		return "no answer came in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), neterror.IsBroken(err):
		return "the connection broke before an answer came"
	}
	return "the connection failed, or what came is not an HTTP answer"
}

// untrusted has words for handshakes that failed for good; "" for all else.
func untrusted(err error) string {
	if failed, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return distrust(failed)
	}
	if words := upstream.NoTLS(err); words != "" {
		return words
	}
	if alert, ok := errors.AsType[*net.OpError](err); ok && (alert.Op == "remote error" || alert.Op == "local error") {
		return alert.Error() + "; TLS 1.2 or newer is needed"
	}
	return ""
}

// distrust says why a certificate was not believed.
func distrust(failed *tls.CertificateVerificationError) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](failed); ok {
		return upstream.Unvouched()
	}
	if _, ok := errors.AsType[x509.HostnameError](failed); ok {
		return "its certificate is for another host"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](failed); ok && invalid.Reason == x509.Expired {
		return "by this machine's clock its certificate has expired or is not valid yet"
	}
	return "its certificate is not valid"
}
