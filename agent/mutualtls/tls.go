package mutualtls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// Server returns what a listener for callers on other machines needs. It asks each for a certificate.
func (i *Identity) Server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			now, _ := i.look()
			if now == nil {
				return nil, ErrNoPair
			}
			return &tls.Config{
				MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}, SessionTicketsDisabled: true,
				Certificates: []tls.Certificate{now.certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: now.roots, Time: i.now,
			}, nil
		},
	}
}

// Client returns what is needed to connect to another machine once: it must have a certificate for its
// host, or, where there are names, one with any of these.
func (i *Identity) Client(host string, names ...string) (*tls.Config, error) {
	now, problem := i.look()
	if now == nil {
		return nil, fmt.Errorf("%w: %w", ErrNoPair, problem)
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}, ServerName: host,
		GetClientCertificate: now.certificateFor, RootCAs: now.roots, Time: i.now,
	}
	if len(names) > 0 {
		config.InsecureSkipVerify = true // as for a host; VerifyConnection does it for the names
		config.VerifyConnection = func(state tls.ConnectionState) error {
			return i.verify(now, state.PeerCertificates, x509.ExtKeyUsageServerAuth, names)
		}
	}
	return config, nil
}

// verify returns an error unless the CAs of a pair vouch for a chain, and its certificate has one of the
// names; nil are any.
func (i *Identity) verify(by *pair, chain []*x509.Certificate, use x509.ExtKeyUsage, names []string) error {
	if len(chain) == 0 {
		return errors.New("there is no certificate")
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	options := x509.VerifyOptions{Roots: by.roots, Intermediates: between, CurrentTime: i.now(), KeyUsages: []x509.ExtKeyUsage{use}}
	if _, err := chain[0].Verify(options); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: chain, Err: err}
	}
	isNamed := func(name string) bool { return slices.Contains(names, name) }
	if names != nil && !slices.ContainsFunc(NamesOf(chain[0]), isNamed) {
		return fmt.Errorf("the certificate is for %s, and not for %s", strings.Join(shownNames(chain[0]), ", "), strings.Join(names, " or "))
	}
	return nil
}

// Peer is somebody at the other end of a connection. Its methods are for one goroutine at a time.
type Peer struct {
	Names []string // as of NamesOf
	Shown []string // all in the certificate, also those that name nobody: wildcards, IP addresses
	chain []*x509.Certificate
	by    *pair // has vouched for it
}

// Check returns why a peer is not to be trusted any more: its certificate has ended since it has
// connected, or its CA is not in ca.crt now.
func (i *Identity) Check(peer *Peer) error {
	now, _ := i.look()
	if now == nil {
		return ErrNoPair
	}
	if peer.by == now {
		return inTime(peer.chain[0], i.now())
	}
	if err := i.verify(now, peer.chain, x509.ExtKeyUsageClientAuth, nil); err != nil {
		return Explain(err)
	}
	peer.by = now
	return nil
}

// Explain says in words why certificates are refused.
func Explain(err error) error {
	if said, ok := errors.AsType[*net.OpError](err); ok && said.Op == "remote error" {
		return refusedBy(said.Err)
	}
	its := "its certificate"
	if refused, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(refused.UnverifiedCertificates) > 0 {
		its = fmt.Sprintf("its certificate for %q", strings.Join(shownNames(refused.UnverifiedCertificates[0]), ", "))
	}
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	unknown, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	host, isHost := errors.AsType[x509.HostnameError](err)
	switch {
	case isInvalid && invalid.Reason == x509.Expired:
		return fmt.Errorf("%s is not valid now: %s; see that the clocks of both machines are right", its, invalid.Detail)
	case isInvalid && invalid.Reason == x509.IncompatibleUsage:
		return fmt.Errorf("%s is not for this use: it needs clientAuth to call, and serverAuth to be called (extended key usage)", its)
	case isUnknown && unknown.Cert != nil:
		return fmt.Errorf("no CA of %s here vouches for %s, which %q has issued", CAFile, its, unknown.Cert.Issuer.String())
	case isHost:
		return fmt.Errorf("%s is not for %s", its, host.Host)
	}
	return err
}

// Alerts of TLS by which the other side says what it thinks of a certificate (RFC 8446 section 6.2).
const (
	alertBadCertificate      tls.AlertError = 42
	alertUnsupported         tls.AlertError = 43
	alertRevoked             tls.AlertError = 44
	alertExpired             tls.AlertError = 45
	alertUnknownCertificate  tls.AlertError = 46
	alertUnknownCA           tls.AlertError = 48
	alertInternal            tls.AlertError = 80
	alertCertificateRequired tls.AlertError = 116
)

// refusedBy says what the other side has said of the certificate of this one. Its alert has a type of
// crypto/tls's own, and the text of the exported one.
func refusedBy(said error) error {
	is := func(alerts ...tls.AlertError) bool {
		return slices.ContainsFunc(alerts, func(alert tls.AlertError) bool { return alert.Error() == said.Error() })
	}
	switch {
	case is(alertExpired):
		return errors.New("it refuses this machine's certificate: by its clock that has ended or not begun")
	case is(alertUnknownCA):
		return fmt.Errorf("it refuses this machine's certificate: no CA of its %s vouches for that", CAFile)
	case is(alertBadCertificate, alertUnsupported, alertRevoked, alertUnknownCertificate, alertCertificateRequired):
		return fmt.Errorf("it refuses this machine's certificate (%w)", said)
	case is(alertInternal):
		return errors.New("it has no certificate that can be used: its own log says why")
	}
	return said
}
