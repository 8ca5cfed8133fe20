package tunnel

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
)

// dialTime is how long a connection may take to be made, in all.
const dialTime = 20 * time.Second

// Dial makes a connection to the target, by the proxy of the environment if there is one for it. Its
// errors are a *RefusedError, an *upstream.ProxyError within others, or the network's. ctx governs the
// making of the connection, not what comes after.
func Dial(ctx context.Context, target Target) (net.Conn, error) {
	if err := upstream.CheckProxy(); err != nil {
		return nil, err
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: target.String()}})
	if err != nil {
		return nil, err
	}
	return DialBy(ctx, proxy, target)
}

// DialBy is Dial with a proxy that the caller names. nil: none.
func DialBy(ctx context.Context, proxy *url.URL, target Target) (net.Conn, error) {
	if err := target.Check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if proxy != nil {
		return throughProxy(ctx, proxy, target)
	}
	dialer := &net.Dialer{ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		return checkAddress(target, address)
	}}
	return dialer.DialContext(ctx, "tcp", target.String())
}

// checkAddress is asked about each address that a name has led to, before it is dialled.
func checkAddress(target Target, address string) error {
	found, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("the address %q is not understood", address)
	}
	if why := forbidden(found.Addr()); why != "" {
		return &RefusedError{target, why}
	}
	return nil
}

// throughProxy has another proxy make the connection. Where the proxy is, this machine too, was the
// choice of who runs the agent.
func throughProxy(ctx context.Context, proxy *url.URL, target Target) (net.Conn, error) {
	port, isHTTP := map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	if !isHTTP {
		return nil, fmt.Errorf("the proxy %s of the environment is not an http proxy, and tunnels go through no other", proxy.Host)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(proxy.Hostname(), cmp.Or(proxy.Port(), port)))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	whole := conn
	if proxy.Scheme == "https" {
		whole = tls.Client(conn, &tls.Config{ServerName: proxy.Hostname(), MinVersion: tls.VersionTLS12})
	}
	joined, err := askProxy(whole, proxy, target)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return joined, nil
}

// maxAnswer is how much of a proxy's answer is read, in bytes.
const maxAnswer = 64 << 10

// askProxy asks a proxy for a tunnel.
func askProxy(conn net.Conn, proxy *url.URL, target Target) (net.Conn, error) {
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target.String()}, Host: target.String(), Header: http.Header{}}
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		login := proxy.User.Username() + ":" + password
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(login)))
	}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	answer := &limited{Conn: conn, left: maxAnswer}
	reader := bufio.NewReader(answer)
	response, err := http.ReadResponse(reader, request)
	if err != nil {
		return nil, err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, &upstream.ProxyError{Host: proxy.Host, Status: response.StatusCode}
	}
	early, _ := reader.Peek(reader.Buffered())
	return &prefixed{conn, early}, nil
}

// limited is a connection of which only so much is read.
type limited struct {
	net.Conn
	left int
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("the proxy's answer has more than %d bytes", maxAnswer)
	}
	n, err := l.Conn.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// prefixed is a connection of which something has been read already.
type prefixed struct {
	net.Conn
	early []byte
}

// Read implements io.Reader.
func (p *prefixed) Read(to []byte) (int, error) {
	if len(p.early) > 0 {
		n := copy(to, p.early)
		p.early = p.early[n:]
		return n, nil
	}
	return p.Conn.Read(to)
}

// CloseWrite tells the other end that no more comes.
func (p *prefixed) CloseWrite() error { return closeWrite(p.Conn) }
