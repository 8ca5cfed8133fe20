package integration

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// BenchmarkUpload sends a CSV of 100 MB to the stand-in, over TLS and a line of 20 Mbit/s, packed and
// as it is. It fails unless packing makes it three times as fast.
func BenchmarkUpload(b *testing.B) {
	const size, rate, least = 100_000_000, 20_000_000 / 8, 3
	content := sales(size)
	for b.Loop() {
		packed, sent := timedUpload(b, content, rate, false)
		plain, _ := timedUpload(b, content, rate, true)
		ratio := plain.Seconds() / packed.Seconds()
		b.ReportMetric(packed.Seconds(), "packed-s")
		b.ReportMetric(plain.Seconds(), "plain-s")
		b.ReportMetric(float64(sent)/1e6, "packed-MB")
		b.ReportMetric(ratio, "times-as-fast")
		if ratio < least {
			b.Errorf("packed took %v, as it is %v: %.1f times as fast, want %d", packed, plain, ratio, least)
		}
	}
}

// sales is a CSV as exports of planning models are: sorted by product, region and month. gzip leaves a
// seventh of it.
func sales(size int) []byte {
	chance := rand.New(rand.NewPCG(1, 2))
	out := bytes.NewBufferString("Product,Region,Month,Units,Amount\n")
	for row := 0; out.Len() < size; row++ {
		product, region, month := row/2400, row/12%200, time.Month(row%12+1)
		units := chance.IntN(200)
		fmt.Fprintf(out, "Product %05d,Region %03d,%s 26,%d,%d.00\n", product, region, month.String()[:3], units, units*(product%90+10))
	}
	return out.Bytes()[:size]
}

// timedUpload returns how long an upload took, and what it came to on the line.
func timedUpload(b *testing.B, content []byte, rate int, plain bool) (took time.Duration, sent int64) {
	b.Helper()
	r := newRig(b, &anaplantest.Options{MaxContent: 1 << 30})
	line := &line20{rate: rate}
	slow := r.Client().Transport.(*http.Transport).Clone()
	slow.DialContext = line.dial
	slow.ForceAttemptHTTP2 = true
	fast := r.client.HTTP.Transport
	r.Client().Transport = slow
	defer func() { r.client.HTTP.Transport = fast }()
	file := r.find(b, Files, "Sales.csv")
	begun := time.Now()
	err := r.client.Upload(b.Context(), file, Upload{
		Content: bytes.NewReader(content), Size: int64(len(content)), Plain: plain,
		Progress: func(t Transfer) { sent = t.Sent },
	})
	took = time.Since(begun)
	if got, _ := r.FileContent("Sales.csv"); err != nil || !bytes.Equal(got, content) {
		b.Fatalf("%d bytes arrived: %v", len(got), err)
	}
	slow.CloseIdleConnections()
	return took, sent
}

// line20 is a line that takes so many bytes a second, of all connections together.
type line20 struct {
	rate int
	mu   sync.Mutex
	free time.Time // when it has sent all that it was given
}

func (l *line20) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return &slowConn{conn, l}, err
}

type slowConn struct {
	net.Conn
	line *line20
}

// Write implements io.Writer.
func (c *slowConn) Write(p []byte) (int, error) {
	c.line.take(len(p))
	return c.Conn.Write(p)
}

// take waits until n bytes have gone.
func (l *line20) take(n int) {
	l.mu.Lock()
	if now := time.Now(); l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(n) * time.Second / time.Duration(l.rate))
	until := l.free
	l.mu.Unlock()
	time.Sleep(time.Until(until))
}
