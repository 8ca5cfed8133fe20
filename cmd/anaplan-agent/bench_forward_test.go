//go:build linux && cgo

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
)

// What the test binary must be called to be one of these servers.
const (
	bareUpstreamCommand = "bare-upstream"
	bareProxyCommand    = "bare-proxy"
)

// bareUpstream is a process that serves HTTPS as an API would that costs nothing: a
// kilobyte, as many bytes as are asked for, and a place for as many as are sent. It writes
// its authority's certificate to the file that its argument names, and prints its URL.
func bareUpstream() {
	ca, err := anaplantest.NewCA()
	exitOn(err)
	cert, err := ca.ServerCertificate("127.0.0.1")
	exitOn(err)
	exitOn(os.WriteFile(os.Args[1], ca.PEM(), 0o600))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	exitOn(err)
	kilobyte := []byte(strings.Repeat("k", 1024))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2/0/kilobyte", func(w http.ResponseWriter, _ *http.Request) { w.Write(kilobyte) })
	mux.HandleFunc("GET /2/0/bytes/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.ParseInt(r.PathValue("n"), 10, 64)
		w.Header().Set("Content-Length", r.PathValue("n"))
		for piece := make([]byte, 64<<10); n > 0; n -= int64(len(piece)) {
			w.Write(piece[:min(n, int64(len(piece)))])
		}
	})
	mux.HandleFunc("PUT /2/0/sink", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.CopyBuffer(io.Discard, struct{ io.Reader }{r.Body}, make([]byte, 64<<10))
		fmt.Fprint(w, n)
	})
	fmt.Printf("https://%s\n", listener.Addr())
	server := &http.Server{Handler: mux, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}}
	exitOn(server.ServeTLS(listener, "", ""))
}

// bareProxy is a process that is httputil.ReverseProxy and nothing else, which the agent is
// measured by. Its arguments are its socket, the URL and the file of its authority.
func bareProxy() {
	target, err := url.Parse(os.Args[2])
	exitOn(err)
	text, err := os.ReadFile(os.Args[3])
	exitOn(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	proxy := httputil.NewSingleHostReverseProxy(target)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	transport.MaxIdleConnsPerHost = 64 // with the default of 2 it would connect anew all the time
	proxy.Transport = transport
	listener, err := net.Listen("unix", os.Args[1])
	exitOn(err)
	http.Serve(listener, proxy)
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// startBare starts one of the servers, and returns its first line of output if it has one.
func startBare(b *testing.B, says bool, command string, args ...string) string {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := &exec.Cmd{Path: self, Args: append([]string{command}, args...), Stderr: os.Stderr}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if !says {
		return ""
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// BenchmarkForward measures calls through the agent, in turn with a bare proxy. Run it with:
// make bench
func BenchmarkForward(b *testing.B) {
	l := newAgentLab(b)
	row, print := newTable(b)
	defer print()
	upstream := startBare(b, true, bareUpstreamCommand, l.file("upstream.pem"))
	bare := l.file("bare-proxy.sock")
	startBare(b, false, bareProxyCommand, bare, upstream, l.file("upstream.pem"))
	a := l.serveForwarding(b, upstream)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := askOnce(bare, "/2/0/kilobyte"); err == nil {
			break
		} else if time.Now().After(deadline) {
			b.Fatal(err)
		}
	}
	if _, err := askOnce(a.socket, "/2/0/kilobyte"); err != nil {
		b.Fatal(err)
	}
	rowLoads(b, row, "kilobyte", "GET of 1 kB, 8 clients", []string{">= 0.95", ""},
		newLoad(b, a.socket, "/2/0/kilobyte", 8), newLoad(b, bare, "/2/0/kilobyte", 8), 512, bareWords)
	l.benchmarkStreams(b, row, a, bare)
	b.Run("policy", func(b *testing.B) { row("a decision by 200 rules, us", benchmarkDecisions(b), "<= 5", "%.2f", "") })
}

// serveForwarding starts an agent whose profile has 200 rules and calls the upstream.
func (l *agentLab) serveForwarding(b *testing.B, upstream string) *benchAgent {
	before := l.profile(b)
	defer l.write(b, "profile.toml", before)
	l.write(b, "profile.toml", before+l.forwarding(upstream))
	return l.serve(b, 1, "")
}

// forwarding is what a profile has more that has 200 rules and calls the upstream.
func (l *lab) forwarding(upstream string) string {
	return fmt.Sprintf("\napi_url = %q\nca_file = %q\nrequests_per_minute = \"100000000\"\npolicy = %s\n", upstream, l.file("upstream.pem"), tomlList(manyRules()))
}

// manyRules are 200 rules, of which the last allow what the benchmarks call.
func manyRules() (rules []string) {
	for i := range 98 {
		rules = append(rules, fmt.Sprintf(`run process "Process %d" in model "Plan"`, i), fmt.Sprintf("GET /2/0/workspaces/*/models/%032X/**", i))
	}
	return append(rules, "GET /2/0/kilobyte", "GET /2/0/bytes/*", "PUT /2/0/sink", "list")
}

func tomlList(texts []string) string {
	var list strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&list, "  '%s',\n", text)
	}
	return "[\n" + list.String() + "]"
}

// benchmarkStreams sends and fetches a gibibyte, in the order A B B A, and looks at the
// agent's memory meanwhile.
func (l *agentLab) benchmarkStreams(b *testing.B, row row, a *benchAgent, bare string) {
	const size, rounds = 1 << 30, 6
	for _, stream := range []struct {
		name string
		do   func(*testing.B, *http.Client) time.Duration
	}{{"down", fetchBytes(size)}, {"up", sendBytes(size)}} {
		ours, yardstick := socketClient(a.socket), socketClient(bare)
		stream.do(b, ours)
		resident := func() float64 { return a.memory(b).rss }
		before := resident()
		peak := watchPeak(resident)
		var ratios, speeds []float64
		for range rounds {
			first, second := stream.do(b, ours), stream.do(b, yardstick)
			third, fourth := stream.do(b, yardstick), stream.do(b, ours)
			ratios = append(ratios, float64(second+third)/float64(first+fourth))
			speeds = append(speeds, 2*size/(first+fourth).Seconds()/(1<<20))
		}
		row("1 GiB "+stream.name+", throughput", median(ratios), ">= 0.90", "%.2f", "httputil.ReverseProxy on a unix socket")
		row("1 GiB "+stream.name+", MiB/s", median(speeds), "", "%.0f", "")
		row("1 GiB "+stream.name+" twelve times, MiB more at any time", peak()-before, "<= 4", "%.2f", "after the first")
	}
}

// watchPeak looks at a figure all the time, until the function that it returns is called for the most
// that was seen.
func watchPeak(look func() float64) func() float64 {
	stop, most := make(chan struct{}), make(chan float64)
	go func() {
		peak := look()
		for {
			select {
			case <-stop:
				most <- peak
				return
			case <-time.After(10 * time.Millisecond):
				peak = max(peak, look())
			}
		}
	}()
	return func() float64 {
		close(stop)
		return <-most
	}
}

// socketClient speaks HTTP on a unix socket.
func socketClient(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableCompression: true, WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
}

func fetchBytes(size int64) func(*testing.B, *http.Client) time.Duration {
	return func(b *testing.B, client *http.Client) time.Duration {
		began := time.Now()
		response, err := client.Get(fmt.Sprintf("http://agent/2/0/bytes/%d", size))
		if err != nil {
			b.Fatal(err)
		}
		defer response.Body.Close()
		if n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{response.Body}, make([]byte, 64<<10)); n != size || err != nil {
			b.Fatalf("%d bytes, %v", n, err)
		}
		return time.Since(began)
	}
}

func sendBytes(size int64) func(*testing.B, *http.Client) time.Duration {
	return func(b *testing.B, client *http.Client) time.Duration {
		began := time.Now()
		request, err := http.NewRequest(http.MethodPut, "http://agent/2/0/sink", io.LimitReader(zeroes{}, size))
		if err != nil {
			b.Fatal(err)
		}
		request.ContentLength = size
		response, err := client.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		defer response.Body.Close()
		if body, err := io.ReadAll(response.Body); err != nil || string(body) != fmt.Sprint(size) {
			b.Fatalf("%s of %d bytes, %v", body, size, err)
		}
		return time.Since(began)
	}
}

// zeroes has no end.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { return len(p), nil }

// benchmarkDecisions returns how long one decision takes, in microseconds.
func benchmarkDecisions(b *testing.B) float64 {
	rules, err := policy.Parse(manyRules())
	if err != nil {
		b.Fatal(err)
	}
	path, err := policy.ParsePath("/2/0/workspaces/8a81948849b9c4e2014a30802f5a02e4/models/00000000000000000000000000000061/processes/118000000006/tasks")
	if err != nil {
		b.Fatal(err)
	}
	const decisions = 10_000
	var each []float64
	for b.Loop() {
		began := time.Now()
		for range decisions {
			if decision, err := rules.Decide(b.Context(), http.MethodGet, path, nil); err != nil || !decision.Allowed {
				b.Fatal(decision, err)
			}
		}
		each = append(each, float64(time.Since(began).Microseconds())/decisions)
	}
	return median(each)
}
