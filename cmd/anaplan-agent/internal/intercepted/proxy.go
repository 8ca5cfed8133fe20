package intercepted

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// proxy is the program's way to Anaplan: it leads to the agent's socket, where the kernel says which
// user is calling. So the program shows no secret and no token, and nothing ends while it runs.
// Each call is made as the client that exec was told of.
//
// Who may use it: programs of this user, and root, as the kernel says whose socket is at the other
// end. They may use the agent's socket anyway. Where the kernel does not say, the proxy asks for
// a password, which is in the address that the program is given.
type proxy struct {
	address  string
	password string // "": the kernel tells who is calling

	way     *way
	warn    func(format string, args ...any)
	server  *http.Server
	forward *httputil.ReverseProxy
	told    sync.Map // what has been told, once each

	ctx     context.Context // ends with the proxy
	end     context.CancelFunc
	serving sync.WaitGroup
}

// user is whom the proxy's password is for. It is there because addresses want one.
const user = "exec"

// listen begins to serve on a port of the loopback interface that the system chooses.
func listen(config Config) (*proxy, error) {
	way, err := newWay(config)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the program's calls: %w", err)
	}
	p := &proxy{address: listener.Addr().String(), way: way, warn: config.Warn}
	if !kernelTells(p.address) {
		p.password = rand.Text()
	}
	p.ctx, p.end = context.WithCancel(context.Background())
	p.forward = p.forwarder(config.CA)
	p.server = &http.Server{
		Handler: p,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, callerKey{}, conn)
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	p.serving.Go(func() { p.server.Serve(listener) })
	return p, nil
}

func (p *proxy) close() {
	p.end()
	p.server.Close()
	p.serving.Wait()
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !p.isWelcome(r):
		w.Header().Set("Proxy-Authenticate", `Basic realm="anaplan-agent exec"`)
		http.Error(w, "anaplan-agent: this proxy is for the program that exec --intercept runs, and for programs of its user", http.StatusProxyAuthRequired)
	case r.Method == http.MethodConnect:
		p.tunnel(w, r)
	case r.URL.Scheme == "https":
		p.forward.ServeHTTP(w, r)
	default:
		http.Error(w, "anaplan-agent: this is a proxy for https: send it CONNECT, or the whole URL", http.StatusBadRequest)
	}
}

// forwarder passes on requests with the whole URL in them, which some programs send where others
// send CONNECT. They go on in a tunnel.
func (p *proxy) forwarder(ca []byte) *httputil.ReverseProxy {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	roots.AppendCertsFromPEM(ca)
	return &httputil.ReverseProxy{
		Rewrite: func(*httputil.ProxyRequest) {},
		Transport: &http.Transport{
			Proxy:       func(r *http.Request) (*url.URL, error) { return p.way.proxyFor(r.URL.Host) },
			DialContext: p.way.dialAddress,
			GetProxyConnectHeader: func(_ context.Context, proxy *url.URL, _ string) (http.Header, error) {
				return p.way.connectHeader(proxy), nil
			},
			OnProxyConnectResponse: func(_ context.Context, _ *url.URL, request *http.Request, response *http.Response) error {
				if response.StatusCode == http.StatusOK {
					return nil
				}
				return readRefusal(request.Host, response)
			},
			TLSClientConfig:    &tls.Config{RootCAs: roots},
			DisableCompression: true,
		},
		ErrorHandler:  func(w http.ResponseWriter, r *http.Request, err error) { p.fail(w, r, err) },
		ErrorLog:      log.New(io.Discard, "", 0),
		FlushInterval: -1,
	}
}

// isWelcome reports whether a request may come from the program.
func (p *proxy) isWelcome(r *http.Request) bool {
	if p.password == "" {
		conn := r.Context().Value(callerKey{}).(net.Conn)
		return isOurs(local.UserOfTCP(conn.RemoteAddr(), conn.LocalAddr()))
	}
	shown := http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	_, password, _ := shown.BasicAuth()
	return subtle.ConstantTimeCompare([]byte(password), []byte(p.password)) == 1
}
