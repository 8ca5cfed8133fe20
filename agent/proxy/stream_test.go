package proxy_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

// streamed is how long the streams are by which memory is measured.
const streamed = 256 << 20

// gauge looks at the memory while a stream goes by.
type gauge struct {
	io.Reader
	read       int64
	first, max runtime.MemStats
}

// Read implements io.Reader. The first pieces fill buffers and pools.
func (g *gauge) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	before := g.read
	g.read += int64(n)
	if before>>25 == g.read>>25 {
		return n, err
	}
	var now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&now)
	if g.first.Sys == 0 {
		g.first = now
	}
	g.max.HeapAlloc = max(g.max.HeapAlloc, now.HeapAlloc)
	g.max.Sys = max(g.max.Sys, now.Sys)
	return n, err
}

// check fails if memory has grown with the stream.
func (g *gauge) check(t *testing.T) {
	t.Helper()
	heap := int64(g.max.HeapAlloc) - int64(g.first.HeapAlloc)
	system := int64(g.max.Sys) - int64(g.first.Sys)
	t.Logf("over %d MiB the heap grew by %d KiB, the process by %d KiB", g.read>>20, heap>>10, system>>10)
	if g.read != streamed || heap > 2<<20 || system > 8<<20 {
		t.Error("that is not flat, or not all")
	}
}

func TestDownloadsAreFlat(t *testing.T) {
	w := service(t, guarded(func(w http.ResponseWriter, r *http.Request) { io.CopyN(w, zeros{}, streamed) }), nil)
	response, err := w.client().Get(w.front.URL + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body := &gauge{Reader: response.Body}
	io.Copy(io.Discard, plain{body})
	body.check(t)
	if result := w.outcome(); result.Cut || result.Received != streamed || result.Sent != 0 {
		t.Errorf("result %+v", result)
	}
}

func TestUploadsAreFlat(t *testing.T) {
	for name, length := range map[string]int64{"length": streamed, "chunks": -1} {
		t.Run(name, func(t *testing.T) {
			var body *gauge
			w := service(t, guarded(func(w http.ResponseWriter, r *http.Request) {
				body = &gauge{Reader: r.Body}
				io.Copy(io.Discard, plain{body})
			}), nil)
			req, err := http.NewRequest("PUT", w.front.URL+"/x", io.LimitReader(zeros{}, streamed))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = length
			response, err := w.client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			body.check(t)
			if result := w.outcome(); result.Cut || result.Sent != streamed || result.Status != 200 {
				t.Errorf("result %+v", result)
			}
		})
	}
}

// TestBothWaysAtOnce has a service answer while it reads.
func TestBothWaysAtOnce(t *testing.T) {
	w := service(t, guarded(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		control.EnableFullDuplex()
		control.Flush()
		for piece := make([]byte, 4); ; control.Flush() {
			if _, err := io.ReadFull(r.Body, piece); err != nil {
				return
			}
			w.Write(piece)
		}
	}), nil)
	reader, writer := io.Pipe()
	req, err := http.NewRequest("POST", w.front.URL+"/x", reader)
	if err != nil {
		t.Fatal(err)
	}
	response, err := w.client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for range 3 {
		io.WriteString(writer, "abcd")
		piece := make([]byte, 4)
		if _, err := io.ReadFull(response.Body, piece); err != nil || string(piece) != "abcd" {
			t.Errorf("got %q, error %v", piece, err)
		}
	}
	writer.Close()
	if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
		t.Errorf("then came %q, error %v", rest, err)
	}
	if result := w.outcome(); result.Cut || result.Sent != 12 || result.Received != 12 {
		t.Errorf("result %+v", result)
	}
}

// TestNothingIsLogged has calls fail that ReverseProxy would log.
func TestNothingIsLogged(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	for _, answer := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + tokenOf(1)[:5], tokenOf(1) + "\r\n", "HTTP/1.1 101 What\r\n\r\n"} {
		_, api := listen(t, answers(answer))
		result, err := serve(t, api, "/x", "GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
		if err == nil {
			t.Errorf("result %+v without an error", result)
		}
	}
	if logged.Len() > 0 {
		t.Errorf("logged: %s", logged.String())
	}
}

// contest is a Proxy and httputil.ReverseProxy, each before the same service.
type contest struct {
	ours, bare *httptest.Server
	client     *http.Client
}

func newContest(b *testing.B, handler http.HandlerFunc) *contest {
	upstream := httptest.NewTLSServer(handler)
	b.Cleanup(upstream.Close)
	roots := upstream.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	base := proxy.NewBase(roots)
	p, err := proxy.New(proxy.Config{API: upstream.URL, Transport: base, Source: &source{generation: 1}, Limiter: free{}})
	if err != nil {
		b.Fatal(err)
	}
	ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if result, err := p.Serve(w, r, proxy.Call{Path: r.URL.EscapedPath(), Client: "c"}); err != nil || result.Cut {
			panic(http.ErrAbortHandler)
		}
	}))
	b.Cleanup(ours.Close)
	target, err := url.Parse(upstream.URL)
	if err != nil {
		b.Fatal(err)
	}
	single := httputil.NewSingleHostReverseProxy(target)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig, transport.MaxIdleConnsPerHost = base.TLSClientConfig.Clone(), 64
	single.Transport = transport
	bare := httptest.NewServer(single)
	b.Cleanup(bare.Close)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	b.Cleanup(func() {
		base.CloseIdleConnections()
		transport.CloseIdleConnections()
		client.CloseIdleConnections()
	})
	return &contest{ours, bare, client}
}

// free is a Limiter that limits nothing.
type free struct{}

func (free) Wait(context.Context, string) error { return nil }
func (free) Hold(time.Duration)                 {}

// run has each answer in turn, and reports how they compare: above 1 the Proxy is faster.
func (c *contest) run(b *testing.B, call func(base string) error) {
	var ours, bare time.Duration
	time1 := func(server *httptest.Server) time.Duration {
		began := time.Now()
		if err := call(server.URL); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	time1(c.ours)
	time1(c.bare)
	for b.Loop() {
		ours += time1(c.ours)
		bare += time1(c.bare)
	}
	b.ReportMetric(bare.Seconds()/ours.Seconds(), "of-bare")
}

func BenchmarkGet1kB(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 1000)
	c := newContest(b, func(w http.ResponseWriter, r *http.Request) { w.Write(body) })
	const clients, calls = 8, 50
	c.run(b, func(base string) error {
		var running sync.WaitGroup
		var mu sync.Mutex
		var failed error
		for range clients {
			running.Go(func() {
				for range calls {
					if err := get(c.client, base+"/2/0/x", 1000); err != nil {
						mu.Lock()
						failed = err
						mu.Unlock()
					}
				}
			})
		}
		running.Wait()
		return failed
	})
}

func get(client *http.Client, address string, want int64) error {
	response, err := client.Get(address)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); n != want || err != nil {
		return fmt.Errorf("%d bytes, error %w", n, err)
	}
	return nil
}

func BenchmarkDownload64MiB(b *testing.B) {
	c := newContest(b, func(w http.ResponseWriter, r *http.Request) { io.CopyN(w, zeros{}, 64<<20) })
	b.SetBytes(2 * 64 << 20)
	c.run(b, func(base string) error { return get(c.client, base+"/x", 64<<20) })
}

func BenchmarkUpload64MiB(b *testing.B) {
	c := newContest(b, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	b.SetBytes(2 * 64 << 20)
	c.run(b, func(base string) error {
		response, err := c.client.Post(base+"/x", "", io.LimitReader(zeros{}, 64<<20))
		if err != nil {
			return err
		}
		return response.Body.Close()
	})
}
