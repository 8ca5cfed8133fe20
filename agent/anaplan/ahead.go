package anaplan

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
)

// transport is the one of a Client that was given none. It can connect before there is
// something to send.
type transport struct {
	*http.Transport
	base  *url.URL
	first sync.Once // what was done first: a request, or connect
	wide  *wide     // nil: there are no more roots
}

// newTransport returns a transport to the service at base. roots is called once, before the
// first handshake, and rest when those do not vouch for the service.
func newTransport(base *url.URL, roots, rest func() *x509.CertPool) *transport {
	t := &transport{base: base, Transport: upstream.Transport(nil)}
	if rest != nil {
		t.wide = &wide{narrow: t.Transport, roots: rest}
	}
	t.MaxResponseHeaderBytes = maxBody
	dial := t.DialContext
	var read sync.Once
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		letGo(ctx)
		if roots != nil {
			read.Do(func() { t.TLSClientConfig.RootCAs = roots() })
		}
		return dial(ctx, network, address)
	}
	return t
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	t.first.Do(func() {})
	if t.wide.isOpen() {
		return t.wide.open().RoundTrip(request)
	}
	response, err := t.Transport.RoundTrip(request)
	if again := t.wide.mayTrust(request, err); again != nil {
		return t.wide.open().RoundTrip(again)
	}
	return response, err
}

// CloseIdleConnections closes those on which there is no request.
func (t *transport) CloseIdleConnections() {
	t.Transport.CloseIdleConnections()
	if t.wide.isOpen() {
		t.wide.open().CloseIdleConnections()
	}
}

// connect begins to connect, unless there was a request already. The requests that follow
// wait for that connection, and make one of their own only if it fails.
func (t *transport) connect(ctx context.Context) {
	t.first.Do(func() {
		t.MaxConnsPerHost = 1
		t.dialFor(ctx)
	})
}

// ahead is a request that is never sent: it is given up when its connection begins to be
// made. net/http finishes such a connection and keeps it for the next request, and so it
// deals with proxies, time limits and servers that hang up as it always does.
type ahead struct {
	giveUp  context.CancelFunc
	begun   chan struct{} // closed when the dial has begun
	givenUp chan struct{} // closed when nothing can be sent any more
}

// aheadKey is where an ahead is in the context of its dial.
type aheadKey struct{}

// dialFor returns when the dial has begun, so that nothing comes before it. There must be no
// connection yet, or the request would be sent on that.
func (t *transport) dialFor(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	a := &ahead{cancel, make(chan struct{}), make(chan struct{})}
	request, err := http.NewRequestWithContext(context.WithValue(ctx, aheadKey{}, a), http.MethodHead, t.base.String(), nil)
	if err != nil { // the requests that are sent will tell
		cancel()
		return
	}
	go func() {
		defer close(a.givenUp)
		defer cancel()
		t.Transport.RoundTrip(request)
	}()
	select {
	case <-a.begun:
	case <-a.givenUp: // ctx has ended, or the proxy's address is wrong
	}
}

// letGo gives up the request that a dial is for, if it is an ahead, and returns when it cannot
// be sent any more.
func letGo(ctx context.Context) {
	if a, ok := ctx.Value(aheadKey{}).(*ahead); ok {
		a.giveUp()
		<-a.givenUp
		close(a.begun)
	}
}
