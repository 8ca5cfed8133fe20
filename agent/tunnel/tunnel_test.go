package tunnel_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/tunnel"
	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	for text, want := range map[string]tunnel.Target{
		"example.com:443": {"example.com", 443}, "Example.COM.:8443": {"example.com", 8443}, "10.1.2.3:80": {"10.1.2.3", 80},
		"[2001:DB8::1]:443": {"2001:db8::1", 443}, "a_b.example:65535": {"a_b.example", 65535},
		"": {}, "example.com": {}, "example.com:": {}, ":443": {}, "example.com:0": {}, "example.com:65536": {}, "example.com:+443": {}, "example.com:https": {},
		"2001:db8::1:443": {}, "[10.1.2.3]:443": {}, "[example.com]:443": {}, "[fe80::1%lo]:443": {}, "a..b:443": {}, "..:443": {}, "a b:443": {}, "a/b:443": {}, "u@example.com:443": {},
		"127.1:443": {}, "2130706433:443": {}, "0x7f000001:443": {}, "0177.0.0.1:443": {}, "1.2.3.0x4:443": {}, "ex\x00ample.com:443": {}, "exämple.com:443": {},
		strings.Repeat("a.", 130) + "a:443": {}, strings.Repeat("a", 64) + ".com:443": {},
	} {
		if got, err := tunnel.Parse(text); got != want || (err == nil) != (want != tunnel.Target{}) {
			t.Errorf("Parse(%q) = %v, %v", text, got, err)
		}
	}
}

// TestForbiddenPlaces: none of them is dialled, however it is written, by a proxy or without.
func TestForbiddenPlaces(t *testing.T) {
	proxy := newProxy(t, func(net.Conn, *http.Request) { t.Error("the proxy was asked") })
	for _, target := range []string{
		"127.0.0.1:443", "127.9.9.9:8443", "[::1]:443", "0.0.0.0:443", "0.1.2.3:443", "[::]:443", "[::ffff:127.0.0.1]:443", "[::ffff:0.0.0.0]:443", "[::127.0.0.1]:443",
		"[64:ff9b::127.0.0.1]:443", "[64:ff9b::a9fe:a9fe]:80", "[64:ff9b:1::a9fe:a9fe]:80", "[2002:7f00:1::]:443", "[2002:a9fe:a9fe::1]:80",
		"169.254.169.254:80", "169.254.170.2:80", "[fe80::1]:443", "[::ffff:169.254.169.254]:80", "100.100.100.200:80", "168.63.129.16:80", "192.0.0.192:80", "[fd00:ec2::254]:80", "[fd20:ce::254]:80",
		"224.0.0.1:443", "239.1.1.1:443", "[ff02::1]:443", "255.255.255.255:443",
		"localhost:443", "LOCALHOST.:443", "a.localhost:443", "metadata.google.internal:80", "metadata.google.internal.:80",
		"example.com:25", "example.com:22", "example.com:1023", "10.1.2.3:445",
	} {
		parsed, err := tunnel.Parse(target)
		if err != nil {
			t.Errorf("%s: %v", target, err)
			continue
		}
		for _, by := range []*url.URL{nil, proxy} {
			_, err := tunnel.DialBy(t.Context(), by, parsed)
			if _, ok := errors.AsType[*tunnel.RefusedError](err); !ok {
				t.Errorf("%s by %v: %v", target, by, err)
			}
		}
	}
	for _, target := range []string{"example.com:443", "example.com:80", "example.com:1024", "10.1.2.3:443", "192.168.1.1:8443", "[2001:db8::1]:443", "[fd12::1]:443", "notlocalhost:443", "100.100.100.201:80"} {
		parsed, err := tunnel.Parse(target)
		if err != nil || parsed.Check() != nil {
			t.Errorf("%s: %v, %v", target, err, parsed.Check())
		}
	}
}

// TestNameOfThisMachine: it is the address that counts. Each machine has a name in its hosts file that
// leads to itself, and this is what a name does that its owner has pointed there.
func TestNameOfThisMachine(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	net.DefaultResolver = toLoopback(t)
	t.Cleanup(func() { net.DefaultResolver = &net.Resolver{} })
	target := tunnel.Target{Host: "rebound.example", Port: uint16(listener.Addr().(*net.TCPAddr).Port)}
	_, err = tunnel.DialBy(t.Context(), nil, target)
	if refused, ok := errors.AsType[*tunnel.RefusedError](err); !ok || !strings.Contains(refused.Why, "127.0.0.1 is this machine itself") {
		t.Errorf("%v", err)
	}
}

// toLoopback is a resolver for which each name stands for 127.0.0.1.
func toLoopback(t *testing.T) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { answerLoopback(server) })
	t.Cleanup(func() { server.Close(); running.Wait() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// answerLoopback answers questions of DNS (RFC 1035 section 4.1): those for an address of IPv4 with
// 127.0.0.1, others with nothing.
func answerLoopback(server net.PacketConn) {
	packet := make([]byte, 512)
	for {
		n, from, err := server.ReadFrom(packet)
		if err != nil {
			return
		}
		end := 12
		for packet[end] != 0 {
			end += int(packet[end]) + 1
		}
		question := packet[12 : end+5]
		header := []byte{packet[0], packet[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}
		answer := append(header, question...)
		if n > end && packet[end+2] == 1 {
			answer[7] = 1
			answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1)
		}
		server.WriteTo(answer, from)
	}
}

// newProxy is a proxy that does what a test says with each CONNECT.
func newProxy(t *testing.T, do func(net.Conn, *http.Request)) *url.URL {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					do(conn, request)
				}
			})
		}
	})
	t.Cleanup(func() { listener.Close(); running.Wait() })
	return &url.URL{Scheme: "http", User: url.UserPassword("me", "sesame"), Host: listener.Addr().String()}
}

// TestThroughProxy: it is asked by name, with its password, and what it sends at once is not lost.
func TestThroughProxy(t *testing.T) {
	proxy := newProxy(t, func(conn net.Conn, r *http.Request) {
		if r.Method != "CONNECT" || r.RequestURI != "example.com:443" || r.Host != "example.com:443" || r.Header.Get("Proxy-Authorization") != "Basic bWU6c2VzYW1l" {
			t.Errorf("asked %s %s of %s, %v", r.Method, r.RequestURI, r.Host, r.Header)
		}
		io.WriteString(conn, "HTTP/1.1 200 fine\r\n\r\nhello")
		io.Copy(conn, conn)
	})
	conn, err := tunnel.DialBy(t.Context(), proxy, tunnel.Target{Host: "example.com", Port: 443})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, " again")
	conn.(interface{ CloseWrite() error }).CloseWrite()
	if got, err := io.ReadAll(conn); string(got) != "hello again" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestProxyRefuses: its status is told, and never the password of its address.
func TestProxyRefuses(t *testing.T) {
	target := tunnel.Target{Host: "example.com", Port: 443}
	for answer, want := range map[string]string{
		"HTTP/1.1 407 who are you\r\nContent-Length: 0\r\n\r\n":     "HTTP 407",
		"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n": "HTTP 302",
		"SSH-2.0-x\r\n": "malformed HTTP",
		"":              "EOF",
		"HTTP/1.1 200 fine\r\nX: " + strings.Repeat("x", 1<<17) + "\r\n": "more than 65536 bytes",
	} {
		proxy := newProxy(t, func(conn net.Conn, _ *http.Request) { io.WriteString(conn, answer) })
		conn, err := tunnel.DialBy(t.Context(), proxy, target)
		if err == nil {
			conn.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%.20q: %v", answer, err)
		}
		if refused, ok := errors.AsType[*upstream.ProxyError](err); ok != strings.HasPrefix(want, "HTTP ") {
			t.Errorf("%.20q: %v", answer, refused)
		}
	}
	if _, err := tunnel.DialBy(t.Context(), &url.URL{Scheme: "socks5", Host: "127.0.0.1:1"}, target); err == nil || !strings.Contains(err.Error(), "not an http proxy") {
		t.Errorf("%v", err)
	}
}

// TestSilentProxy: waiting ends with the context, and leaves nothing behind.
func TestSilentProxy(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	proxy := newProxy(t, func(conn net.Conn, _ *http.Request) { cancel(); io.Copy(io.Discard, conn) })
	if _, err := tunnel.DialBy(ctx, proxy, tunnel.Target{Host: "example.com", Port: 443}); err == nil {
		t.Error("there is a connection")
	}
}

// pair is the two ends of a connection.
func pair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialled, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close(); accepted.Close() })
	return dialled.(*net.TCPConn), accepted.(*net.TCPConn)
}

// TestJoin: an end in one direction leaves the other open, and each byte is counted.
func TestJoin(t *testing.T) {
	caller, a := pair(t)
	host, b := pair(t)
	type counted struct{ sent, received int64 }
	done := make(chan counted, 1)
	go func() {
		sent, received := tunnel.Join(a, b, func() {})
		done <- counted{sent, received}
	}()
	question := strings.Repeat("question", 1<<17)
	go func() { io.WriteString(caller, question); caller.CloseWrite() }()
	if got, err := io.ReadAll(host); err != nil || string(got) != question {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	io.WriteString(host, "an answer after the end")
	host.Close()
	if got, err := io.ReadAll(caller); err != nil || string(got) != "an answer after the end" {
		t.Errorf("%q, %v", got, err)
	}
	if got := <-done; got != (counted{1 << 20, 23}) {
		t.Errorf("counted %+v", got)
	}
}

// TestJoinEnds: one that is closed takes the other with it.
func TestJoinEnds(t *testing.T) {
	caller, a := pair(t)
	host, b := pair(t)
	done := make(chan struct{})
	go func() { tunnel.Join(a, b, func() {}); close(done) }()
	a.Close()
	<-done
	for _, conn := range []net.Conn{caller, host} {
		if n, _ := conn.Read(make([]byte, 1)); n != 0 {
			t.Error("something came")
		}
	}
}

// FuzzParse: what is a target is one again, and no text that is refused becomes allowed by that.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"example.com:443", "[::1]:443", "127.1:80", "[::ffff:169.254.169.254]:80", "a:0", "LOCALHOST.:8080", "[fe80::1%25lo]:443", "0x7f.1:443", "[::]:", "\x00:1", "a.b.:65536"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := tunnel.Parse(text)
		if err != nil {
			return
		}
		again, err := tunnel.Parse(target.String())
		if err != nil || again != target {
			t.Fatalf("%q is %v, and again %v, %v", text, target, again, err)
		}
		if strings.ContainsAny(target.String(), "\r\n\x00 /@%") {
			t.Fatalf("%q is %q", text, target)
		}
	})
}
