package server_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// BenchmarkToken reports requests a second and the 99th percentile of the time of a request,
// as ratios to a bare net/http server on a unix socket that answers as many constant bytes.
// Both get the same load in turns; b.N requests each.
func BenchmarkToken(b *testing.B) {
	for _, callers := range []int{8, 64} {
		b.Run(strconv.Itoa(callers), func(b *testing.B) { benchmarkToken(b, callers) })
	}
}

func benchmarkToken(b *testing.B, callers int) {
	u := &upstream{value: strings.Repeat("t", 140)}
	r := serve(b, server.Config{Profiles: one(b, u), Limits: server.Limits{Rate: 1e9, Burst: 1e9}})
	size := len(r.ask(b, "GET", "/v1/token", "").body)
	agent := newLoad(b, r.socket, callers)
	bare := newLoad(b, yardstick(b, size), callers)

	const round = 2000 // requests: short, so that what else the machine does hits both
	b.ResetTimer()
	for i := range max(b.N/round, 2) {
		n := min(max(b.N, callers), round)
		if i%2 == 0 {
			bare.run(b, n)
			agent.run(b, n)
		} else {
			agent.run(b, n)
			bare.run(b, n)
		}
	}
	b.ReportMetric(float64(size), "bytes")
	b.ReportMetric(agent.rate(), "requests/s")
	b.ReportMetric(agent.rate()/bare.rate(), "of-bare-requests/s")
	b.ReportMetric(float64(agent.p99())/float64(bare.p99()), "of-bare-p99")
}

// yardstick serves a constant JSON text of that size.
func yardstick(b *testing.B, size int) string {
	body := []byte(`{"token":"` + strings.Repeat("t", size-12) + `"}`)
	socket := filepath.Join(directory(b), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	})}
	var running sync.WaitGroup
	running.Go(func() { server.Serve(listener) })
	b.Cleanup(func() { server.Shutdown(context.Background()); running.Wait() })
	return socket
}

// load makes requests on connections that stay open. It reads of the answers what is
// needed to find their end, so that most of the time is the server's.
type load struct {
	conns []*loadConn
	took  time.Duration
	times []time.Duration // of single requests
}

type loadConn struct {
	net.Conn
	reader *bufio.Reader
	times  []time.Duration
}

func newLoad(b *testing.B, socket string, callers int) *load {
	l := &load{}
	for range callers {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		l.conns = append(l.conns, &loadConn{Conn: conn, reader: bufio.NewReader(conn)})
	}
	return l
}

// run makes n requests in all.
func (l *load) run(b *testing.B, n int) {
	var callers sync.WaitGroup
	began := time.Now()
	for _, conn := range l.conns {
		callers.Go(func() {
			for range n / len(l.conns) {
				if err := conn.request(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
	l.took += time.Since(began)
	for _, conn := range l.conns {
		l.times = append(l.times, conn.times...)
		conn.times = conn.times[:0]
	}
}

func (l *load) rate() float64 { return float64(len(l.times)) / l.took.Seconds() }

func (l *load) p99() time.Duration {
	slices.Sort(l.times)
	return l.times[len(l.times)*99/100]
}

var (
	loadRequest = []byte("GET /v1/token?profile=default HTTP/1.1\r\nHost: agent\r\n\r\n")
	loadLength  = []byte("Content-Length: ")
)

func (c *loadConn) request() error {
	began := time.Now()
	if _, err := c.Write(loadRequest); err != nil {
		return err
	}
	length := 0
	for first := true; ; first = false {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("answered %s", line)
		}
		if digits, ok := bytes.CutPrefix(line, loadLength); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(digits)))
		}
		if len(line) == 2 {
			break
		}
	}
	if _, err := c.reader.Discard(length); err != nil && err != io.EOF {
		return err
	}
	c.times = append(c.times, time.Since(began))
	return nil
}
