package server_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// interceptsFast is an interceptRig without limits that a benchmark would meet.
func interceptsFast(t testing.TB) *interceptRig {
	return intercepts(t, func(c *server.Config, f *forwardRig) {
		c.Limits = server.Limits{Rate: 1e9, Burst: 1e9}
		c.Record, c.Recordable = nil, nil
	})
}

// BenchmarkIntercepted reports calls a second within tunnels, as a ratio to those of a bare
// ReverseProxy of net/http behind TLS: 8 callers that keep their connections, 1 kB an answer. Both get
// the same load in turns; b.N calls each.
func BenchmarkIntercepted(b *testing.B) {
	r := interceptsFast(b)
	body := []byte(strings.Repeat("x", 1000))
	r.host.answer(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) })
	within, bare := newCallers(b, r.through(b, "nightly", clientSecret), "https://api.anaplan.com"), bareCallers(b, r.host)
	const round = 1000
	b.ResetTimer()
	for i := range max(b.N/round, 4) {
		n := min(max(b.N, 8), round)
		if i%2 == 0 {
			bare.run(b, n)
			within.run(b, n)
		} else {
			within.run(b, n)
			bare.run(b, n)
		}
	}
	b.ReportMetric(within.rate(), "calls/s")
	b.ReportMetric(within.rate()/bare.rate(), "of-bare-calls/s")
}

// callers make calls of one host, 8 at the same time.
type callers struct {
	client *http.Client
	url    string
	made   atomic.Int64
	took   time.Duration
}

func newCallers(b *testing.B, client *http.Client, host string) *callers {
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = 8
	return &callers{client: client, url: host + "/2/0/models/M"}
}

// bareCallers call the host through a proxy that only puts the token in.
func bareCallers(b *testing.B, host *apiHost) *callers {
	to, err := url.Parse(host.URL)
	if err != nil {
		b.Fatal(err)
	}
	way := host.Client().Transport.(*http.Transport).Clone()
	way.MaxIdleConnsPerHost = 64
	proxy := httptest.NewUnstartedServer(&httputil.ReverseProxy{Transport: way, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Header.Set("Authorization", "AnaplanAuthToken secret-token-1")
	}})
	proxy.TLS = &tls.Config{NextProtos: []string{"http/1.1"}}
	proxy.StartTLS()
	b.Cleanup(proxy.Close)
	b.Cleanup(way.CloseIdleConnections)
	return newCallers(b, proxy.Client(), proxy.URL)
}

func (c *callers) run(b *testing.B, n int) {
	var running sync.WaitGroup
	began := time.Now()
	for range 8 {
		running.Go(func() {
			for range n / 8 {
				if err := c.call(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	c.took += time.Since(began)
}

func (c *callers) call() error {
	response, err := c.client.Get(c.url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); err != nil || n != 1000 || response.StatusCode != 200 {
		return io.ErrUnexpectedEOF
	}
	c.made.Add(1)
	return nil
}

func (c *callers) rate() float64 { return float64(c.made.Load()) / c.took.Seconds() }

// TestInterceptedMemory: an answer of any length goes through in as little memory. It has 64 MiB, or as
// many as ANAPLAN_AGENT_INTERCEPT_MIB says.
func TestInterceptedMemory(t *testing.T) {
	size := int64(64)
	if text := os.Getenv("ANAPLAN_AGENT_INTERCEPT_MIB"); text != "" {
		parsed, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		size = parsed
	}
	r := interceptsFast(t)
	piece := make([]byte, 1<<20)
	r.host.answer(func(w http.ResponseWriter, _ *http.Request) {
		for range size {
			w.Write(piece)
		}
	})
	client := r.through(t, "nightly", clientSecret)
	client.Timeout = 0
	response, err := client.Get("https://api.anaplan.com/2/0/models/M/files/F/chunks/0")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	before, most, taken := live(), uint64(0), int64(0)
	for range size {
		n, err := io.CopyN(io.Discard, response.Body, 1<<20)
		taken += n
		if err != nil {
			t.Fatalf("after %d bytes: %v", taken, err)
		}
		if taken%(16<<20) == 0 {
			most = max(most, live())
		}
	}
	if most > before+8<<20 {
		t.Errorf("%d MiB go through with %d kB more than at their beginning", size, (most-before)>>10)
	}
}

// live returns how much of the heap is in use, in bytes.
func live() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
