package doctor

// The way to Anaplan: names, connections, TLS, what stands in between, and the clock. The
// requests hold no credential, so anybody may see and answer them.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// How long a name and an answer are waited for.
const (
	nameTimeout   = 5 * time.Second
	answerTimeout = 12 * time.Second
)

// networkState is what a login needs to know of the network.
type networkState struct {
	reached    bool           // the login service answers
	clockWrong bool           // so far that a login would be refused
	roots      *x509.CertPool // to trust; nil: the system's
}

// network is the way to a profile's hosts.
type network struct {
	*Report
	ctx    context.Context
	hosts  anaplan.Hosts
	caFile string // "": none
	state  networkState
}

// checkNetwork looks at the way to both hosts of the settings.
func checkNetwork(ctx context.Context, r *Report, found setUp, offline bool) networkState {
	switch {
	case offline:
		r.skip("network.reach", "--offline")
	case found.hosts.Auth == "":
		r.skip("network.reach", "the settings do not say which Anaplan is meant")
	case !checkProxy(r):
		r.skip("network.reach", "the proxy's address is wrong")
	default:
		n := &network{Report: r, ctx: ctx, hosts: found.hosts, caFile: found.profile.CAFile}
		n.check()
		return n.state
	}
	return networkState{}
}

// check looks at the way to each host.
func (n *network) check() {
	roots, err := settings.ReadRoots(n.caFile)
	if err != nil {
		n.skip("network.tls", "the CA file cannot be read")
		return
	}
	n.state.roots = roots
	n.checkHost(n.hosts.Auth, "/token/validate")
	if n.hosts.API != n.hosts.Auth {
		n.checkHost(n.hosts.API, "/2/0/users/me")
	}
}

// checkHost looks at the way to one host. path is one that answers without a credential
// that it wants one.
func (n *network) checkHost(base, path string) {
	target, err := url.Parse(base)
	if err != nil {
		return // config has made sure that it parses
	}
	proxy, _ := http.ProxyFromEnvironment(&http.Request{URL: target}) // checkProxy has told of an error
	e := &exchange{target: target, path: path, roots: n.state.roots}
	tellProxy(n.Report, target.Host, proxy)
	look := target.Hostname()
	if proxy != nil {
		look = proxy.Hostname() // it looks the other one up
	}
	if !n.checkName(look, proxy != nil) {
		n.skip("network.reach", "without the address of "+look+" there is no way to "+target.Host)
		return
	}
	n.judgeAnswer(e, e.ask(n.ctx))
}

// checkName looks a name up.
func (n *network) checkName(host string, isProxy bool) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(n.ctx, nameTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err == nil {
		n.ok("network.dns", "%s has %s", host, console.Counted(len(addresses), "address"))
		return true
	}
	do := "look at region and auth_url, and at this machine's DNS (" + remedy.Here().LookUp(host) + "); where only a proxy knows names outside, set HTTPS_PROXY"
	if isProxy {
		do = "look at HTTPS_PROXY, and at this machine's DNS (" + remedy.Here().LookUp(host) + ")"
	}
	what := "the name %s cannot be looked up: DNS does not answer"
	if failed, ok := errors.AsType[*net.DNSError](err); ok && failed.IsNotFound {
		what = "there is no host %s"
	}
	n.fail("network.dns", do, what, host)
	return false
}

// exchange is one request without a credential, and what is seen of its answer.
type exchange struct {
	target    *url.URL
	path      string
	roots     *x509.CertPool // to trust; nil: the system's
	transport http.RoundTripper

	tls     *tls.ConnectionState // nil: there was no handshake to its end
	header  http.Header          // nil: no answer came
	status  int
	sent    time.Time
	arrived time.Time
	refused *upstream.ProxyError // nil: no proxy has refused to connect
}

// ask sends the request by the client that logs in, so that failures have that one's words.
func (e *exchange) ask(ctx context.Context) error {
	transport := upstream.Transport(nil)
	transport.DisableKeepAlives = true
	transport.MaxResponseHeaderBytes = 64 << 10
	// The certificate is verified below, where it can be looked at even if that fails; and old
	// versions of TLS are let through here, to be told by their name.
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true, VerifyConnection: e.verify, MinVersion: tls.VersionTLS10}
	defer transport.CloseIdleConnections()
	e.transport = transport
	client, err := anaplan.New(anaplan.Config{
		AuthURL:   e.target.String(),
		UserAgent: build.Program + "/" + build.Version(),
		HTTP:      &http.Client{Transport: e},
		Retry:     anaplan.Retry{Attempts: 1, AttemptTimeout: answerTimeout},
	})
	if err != nil {
		return err
	}
	_, err = client.Validate(ctx, agent.Token{Value: agent.NewSecret("none")})
	return err
}

// RoundTrip sends a request without the token in it, to the path of the exchange.
func (e *exchange) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Del("Authorization")
	request.URL.Path = e.path
	e.sent = time.Now()
	response, err := e.transport.RoundTrip(request)
	e.refused, _ = errors.AsType[*upstream.ProxyError](err)
	if err == nil {
		e.arrived, e.header, e.status = time.Now(), response.Header, response.StatusCode
	}
	return response, err
}

// verify is what crypto/tls does, and keeps what it saw.
func (e *exchange) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("it does not show a certificate")
	}
	name := e.target.Hostname()
	if _, err := netip.ParseAddr(name); state.ServerName == name || state.ServerName == "" && err == nil {
		e.tls = &state
	} else {
		name = state.ServerName // a proxy that is spoken to by TLS itself
	}
	if err := vouch(&state, name, e.roots); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
	}
	return nil
}

// vouch returns why those roots do not vouch for a host; nil if they do.
func vouch(state *tls.ConnectionState, host string, roots *x509.CertPool) error {
	options := x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: x509.NewCertPool()}
	for _, cert := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(cert)
	}
	_, err := state.PeerCertificates[0].Verify(options)
	return err
}

// judgeAnswer says what the request has shown.
func (n *network) judgeAnswer(e *exchange, err error) {
	target := e.target
	if e.refused != nil {
		do := "ask its operator whether it lets " + target.Host + " through"
		switch {
		case e.refused.WantsOther():
			do = "have its operator let this machine through without, or take Basic; or name a proxy on this machine that speaks " + strings.Join(e.refused.Schemes, " or ") + ", such as cntlm or px, in HTTPS_PROXY"
		case e.refused.Status == http.StatusProxyAuthRequired:
			do = "put user and password into HTTPS_PROXY: http://USER:PASSWORD@" + e.refused.Host
		}
		only := ""
		if e.refused.WantsOther() {
			only = ", and takes only " + strings.Join(e.refused.Schemes, " and ") + ", which this program does not speak"
		}
		n.fail("network.proxy", do, "the proxy %s does not connect to %s: HTTP %d %s%s", e.refused.Host, target.Host, e.refused.Status, http.StatusText(e.refused.Status), only)
		return
	}
	if target.Scheme == "https" && !n.judgeTLS(e, err) {
		return
	}
	switch {
	case errors.Is(err, anaplan.ErrBlocked), errors.Is(err, anaplan.ErrRedirect), errors.Is(err, anaplan.ErrResponse), err == nil:
		n.fail("network.firewall", "ask whether this machine's address is allowed: by your firewall or proxy, and in the tenant's IP allowlist; of a portal, sign in to the network first",
			"something else answers for %s: %s%s", target.Host, answerWords(e, err), answeredBy(e))
	case errors.Is(err, anaplan.ErrUnavailable) && e.header != nil, errors.Is(err, anaplan.ErrRateLimited):
		n.fail("network.reach", "try again later; status.anaplan.com tells of trouble on Anaplan's side", "%v%s", err, answeredBy(e))
	case e.header == nil:
		n.failed("network.reach", err)
		return
	default:
		n.state.reached = n.state.reached || target.String() == n.hosts.Auth
		n.ok("network.reach", "%s answers%s", target.Host, answeredBy(e))
	}
	if target.String() == n.hosts.Auth { // only a login has the time in it
		n.judgeClock(e)
	}
}

// answerWords says what came in place of an answer.
func answerWords(e *exchange, err error) string {
	if err == nil || errors.Is(err, anaplan.ErrResponse) {
		return fmt.Sprintf("HTTP %d to a request without a valid credential", e.status)
	}
	return err.Error()
}

// answeredBy names who says that it answered: a firewall's own name explains a lot.
func answeredBy(e *exchange) string {
	if name := e.header.Get("Server"); name != "" {
		return fmt.Sprintf(" (by %.60q)", name)
	}
	return ""
}

// How far the clocks may be apart. Anaplan's own limit is not known (contract section 1.3).
const (
	skewNoticed = 30 * time.Second
	skewRefused = 3 * time.Minute
)

// judgeClock compares this machine's clock with the service's.
func (n *network) judgeClock(e *exchange) {
	host := e.target.Host
	date, err := http.ParseTime(e.header.Get("Date"))
	if err != nil {
		n.skip("network.clock", host+" does not say what time it is")
		return
	}
	// By the middle of the exchange; a Date has whole seconds, and is half of one behind.
	skew := e.sent.Add(e.arrived.Sub(e.sent) / 2).Sub(date.Add(time.Second / 2)).Round(time.Second)
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	do := "set this machine's clock, best by NTP: " + remedy.Here().SetClock()
	switch {
	case skew.Abs() >= skewRefused:
		n.state.clockWrong = true
		n.fail("network.clock", do, "this machine's clock is %v %s the one of %s, and a login has the time in it", skew.Abs(), direction, host)
	case skew.Abs() >= skewNoticed:
		n.warn("network.clock", do, "this machine's clock is %v %s the one of %s", skew.Abs(), direction, host)
	default:
		n.ok("network.clock", "this machine's clock agrees with the one of %s", host)
	}
}
