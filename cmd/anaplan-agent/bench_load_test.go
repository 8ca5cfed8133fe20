//go:build linux && cgo

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bareServer is a process that serves a constant JSON of 300 bytes on the unix socket
// that its argument names: net/http and nothing else, which the agent is measured by.
func bareServer() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	body := []byte(`{"token":"` + strings.Repeat("t", 300-len(`{"token":""}`)) + `"}`)
	http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	}))
}

// startBareServer starts it, and returns its socket.
func startBareServer(b *testing.B, socket string) string {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := &exec.Cmd{Path: self, Args: []string{bareServerCommand, socket}, Stderr: os.Stderr}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	awaitAnswer(b, socket)
	return socket
}

// bareServerCommand is what the test binary must be called to be the bare server.
const bareServerCommand = "bare-server"

// load is callers that ask a server for the same thing over and over, each on a
// connection of its own that stays open.
type load []*caller

func newLoad(b *testing.B, socket, path string, callers int) load {
	l := make(load, callers)
	for i := range l {
		c, err := newCaller(socket, path)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.conn.Close() })
		l[i] = c
	}
	return l
}

// round makes n requests in all, and returns how many that were a second, and what the
// slowest hundredth of them took at least.
func (l load) round(b *testing.B, n int) (rate float64, p99 time.Duration) {
	var callers sync.WaitGroup
	began := time.Now()
	for _, c := range l {
		callers.Go(func() {
			if err := c.askTimes(n / len(l)); err != nil {
				b.Error(err)
			}
		})
	}
	callers.Wait()
	took := time.Since(began)
	var times []time.Duration
	for _, c := range l {
		times = append(times, c.times...)
	}
	if b.Failed() {
		b.FailNow()
	}
	slices.Sort(times)
	return float64(len(times)) / took.Seconds(), times[len(times)*99/100]
}

// compareLoads has both make rounds of n requests, b.N times in the order A B B A, and
// returns the medians of the ratios of requests a second and of 99th percentiles.
func compareLoads(b *testing.B, ours, yardstick load, n int) (rate, p99 float64) {
	var rates, p99s, requests []float64
	ours.round(b, n) // fills the caches
	yardstick.round(b, n)
	note := func(first, second load) {
		rate1, p991 := first.round(b, n)
		rate2, p992 := second.round(b, n)
		if &first[0] != &ours[0] {
			rate1, p991, rate2, p992 = rate2, p992, rate1, p991
		}
		requests = append(requests, rate1)
		rates = append(rates, rate1/rate2)
		p99s = append(p99s, float64(p991)/float64(p992))
	}
	for b.Loop() {
		note(ours, yardstick)
		note(yardstick, ours)
	}
	b.ReportMetric(median(requests), "requests/s")
	b.ReportMetric(median(rates), "requests/yardstick")
	b.ReportMetric(median(p99s), "p99/yardstick")
	return median(rates), median(p99s)
}

// caller is one connection. It writes and reads HTTP/1.1 by hand, and allocates nothing
// meanwhile, so that what is measured is the server.
type caller struct {
	conn    net.Conn
	request []byte
	buffer  []byte
	times   []time.Duration // of the last round's requests
}

// newCaller connects. Linux refuses where too many wait to be accepted, and is asked again.
func newCaller(socket, path string) (*caller, error) {
	conn, err := net.Dial("unix", socket)
	for ; errors.Is(err, syscall.EAGAIN); conn, err = net.Dial("unix", socket) {
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		return nil, err
	}
	return &caller{
		conn:    conn,
		request: fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: agent\r\n\r\n", path),
		buffer:  make([]byte, 4096),
	}, nil
}

func (c *caller) askTimes(n int) error {
	c.times = c.times[:0]
	for range n {
		began := time.Now()
		if _, err := c.ask(); err != nil {
			return err
		}
		c.times = append(c.times, time.Since(began))
	}
	return nil
}

// ask returns the body of the answer, which stays as it is until the next request.
func (c *caller) ask() ([]byte, error) {
	if _, err := c.conn.Write(c.request); err != nil {
		return nil, err
	}
	for read := 0; ; {
		n, err := c.conn.Read(c.buffer[read:])
		if err != nil {
			return nil, err
		}
		read += n
		body, whole, err := answerIn(c.buffer[:read])
		if whole || err != nil {
			return body, err
		}
		if read == len(c.buffer) {
			return nil, errors.New("the answer is too long")
		}
	}
}

// answerIn returns the body of the answer in text, and whether all of it is there.
func answerIn(text []byte) (body []byte, whole bool, err error) {
	header, body, found := bytes.Cut(text, []byte("\r\n\r\n"))
	if !found {
		return nil, false, nil
	}
	if !bytes.HasPrefix(header, []byte("HTTP/1.1 200 ")) {
		return nil, false, fmt.Errorf("answered %s", text)
	}
	_, rest, _ := bytes.Cut(header, []byte("Content-Length: "))
	digits, _, _ := bytes.Cut(rest, []byte("\r\n"))
	length, err := strconv.Atoi(string(digits)) // this conversion stays on the stack
	if err != nil {
		return nil, false, fmt.Errorf("the answer does not say how long it is: %s", header)
	}
	return body, len(body) >= length, nil
}

// awaitAnswer waits until the server at socket answers.
func awaitAnswer(b *testing.B, socket string) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Microsecond) {
		if _, err := askOnce(socket, "/healthz"); err == nil {
			return
		}
	}
	b.Fatalf("nobody answers at %s", socket)
}

// askOnce asks on a connection of its own.
func askOnce(socket, path string) (string, error) {
	c, err := newCaller(socket, path)
	if err != nil {
		return "", err
	}
	defer c.conn.Close()
	c.buffer = make([]byte, 64<<10)
	body, err := c.ask()
	return string(body), err
}
