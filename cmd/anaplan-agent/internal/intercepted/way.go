package intercepted

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// way is how hosts are reached. Those that the agent's CA is constrained to are the agent's. To all
// others it leads as the program would go by itself, by the proxy of the user's environment where
// that names one: what is sent there stays unread, and the agent knows nothing of it.
type way struct {
	domains []string // in lower case
	dial    func(context.Context) (net.Conn, error)
	as      local.As

	usual func(*http.Request) (*url.URL, error) // the proxy by the user's environment
}

// agentName is what the agent is called where an address is wanted: no other host has it.
const agentName = "anaplan-agent.invalid:80"

// dialTimeout is how long another host may take to answer.
const dialTimeout = 30 * time.Second

// newWay reads the CA.
func newWay(config Config) (*way, error) {
	w := &way{dial: config.Dial, as: config.As, usual: http.ProxyFromEnvironment}
	for block, rest := pem.Decode(config.CA); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the agent's CA cannot be read: %w", err)
		}
		for _, domain := range cert.PermittedDNSDomains {
			w.domains = append(w.domains, strings.ToLower(strings.TrimPrefix(domain, ".")))
		}
	}
	if len(w.domains) == 0 {
		return nil, errors.New("the agent's CA does not say for which hosts it is")
	}
	return w, nil
}

// isAgents reports whether it is the agent that answers for a host.
func (w *way) isAgents(address string) bool {
	host := address
	if only, _, err := net.SplitHostPort(address); err == nil {
		host = only
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for _, domain := range w.domains {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}

// proxyFor returns the proxy to a host; nil for none.
func (w *way) proxyFor(host string) (*url.URL, error) {
	if w.isAgents(host) {
		return &url.URL{Scheme: "http", Host: agentName}, nil
	}
	asked := &http.Request{URL: &url.URL{Scheme: "https", Host: host}}
	proxy, err := w.usual(asked)
	if err == nil && proxy != nil && proxy.Scheme != "http" && proxy.Scheme != "https" {
		err = fmt.Errorf("a proxy of the kind %s is not passed on to; name the host in NO_PROXY, so that the program connects by itself", proxy.Scheme)
	}
	return proxy, err
}

// connectHeader is what a proxy is shown.
func (w *way) connectHeader(proxy *url.URL) http.Header {
	if proxy.Host == agentName {
		return w.as.Header()
	}
	header := http.Header{}
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password)))
	}
	return header
}

// dialAddress connects to the agent, or to another address.
func (w *way) dialAddress(ctx context.Context, network, address string) (net.Conn, error) {
	if address == agentName {
		return w.dial(ctx)
	}
	return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
}

// tunnel connects to a host. early has what it has said so far.
func (w *way) tunnel(ctx context.Context, host, userAgent string) (net.Conn, *bufio.Reader, error) {
	proxy, err := w.proxyFor(host)
	if err != nil {
		return nil, nil, err
	}
	if proxy == nil {
		conn, err := w.dialAddress(ctx, "tcp", host)
		if err != nil {
			return nil, nil, err
		}
		return conn, bufio.NewReader(conn), nil
	}
	conn, err := w.dialProxy(ctx, proxy)
	if err != nil && proxy.Host != agentName {
		err = fmt.Errorf("the proxy %s of HTTPS_PROXY cannot be reached: %w", proxy.Host, err)
	}
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	header := w.connectHeader(proxy)
	header.Set("User-Agent", userAgent)
	early, err := ask(conn, host, header)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
	}
	return conn, early, err
}

func (w *way) dialProxy(ctx context.Context, proxy *url.URL) (net.Conn, error) {
	usual := map[string]string{"http": "80", "https": "443"}
	address := net.JoinHostPort(proxy.Hostname(), cmp.Or(proxy.Port(), usual[proxy.Scheme]))
	conn, err := w.dialAddress(ctx, "tcp", address)
	if err != nil || proxy.Scheme == "http" {
		return conn, err
	}
	ended := tls.Client(conn, &tls.Config{ServerName: proxy.Hostname()})
	if err := ended.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return ended, nil
}

// ask asks a proxy for a tunnel.
func ask(conn net.Conn, host string, header http.Header) (*bufio.Reader, error) {
	asked := &http.Request{Method: http.MethodConnect, URL: &url.URL{Host: host}, Host: host, Header: header}
	if err := asked.Write(conn); err != nil {
		return nil, err
	}
	early := bufio.NewReader(conn)
	response, err := http.ReadResponse(early, asked)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, readRefusal(host, response)
	}
	return early, nil
}
