// Package monitor answers Prometheus, kubelet and others that watch an agent, on a TCP address of
// their own, which may be reached from other machines. There are /metrics, /healthz and /readyz,
// and nothing else: no token, no call, no name of a user. Whoever reaches the address sees the names
// of profiles, clients and tenants, and how they do.
//
//	listener, err := net.Listen("tcp", "127.0.0.1:9464")
//	...
//	err = monitor.Serve(ctx, listener, monitor.Source{Metrics: m.WriteWanted, Ready: ready})
package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// limits bound what those who watch can take: they are strangers.
type limits struct {
	connections int
	requestTime time.Duration // to send a request, and to take its answer
	idleTime    time.Duration // between two scrapes
}

// maxHeader bounds the header of a request in bytes.
const maxHeader = 16 << 10

// Source is what there is to be told.
type Source struct {
	// Metrics writes metrics in the format that the Accept headers want, and returns its media type.
	Metrics func(out io.Writer, accept []string) (mediaType string)

	// Ready returns why the agent is not ready. Only that it is not is told.
	Ready func() error
}

// Serve answers until ctx ends, then closes the listener, and returns nil.
func Serve(ctx context.Context, listener net.Listener, source Source) error {
	return serve(ctx, listener, source, limits{connections: 32, requestTime: 10 * time.Second, idleTime: 2 * time.Minute})
}

func serve(ctx context.Context, listener net.Listener, source Source, limits limits) error {
	server := &http.Server{
		Handler:        source.handler(),
		ReadTimeout:    limits.requestTime,
		WriteTimeout:   limits.requestTime,
		IdleTimeout:    limits.idleTime,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       log.New(io.Discard, "", 0), // it is about single connections, and would fill a disk
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	err := server.Serve(&bounded{Listener: listener, places: make(chan struct{}, limits.connections), end: ctx.Done()})
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("answering those who watch on %s: %w", listener.Addr(), err)
}

func (s Source) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.readiness)
	return mux
}

func (s Source) metrics(w http.ResponseWriter, r *http.Request) {
	var text bytes.Buffer // not the connection, for the caller may read slowly
	mediaType := s.Metrics(&text, r.Header["Accept"])
	w.Header().Set("Content-Type", mediaType)
	w.Write(text.Bytes())
}

// readiness tells no reason: it may name people, keys and files.
func (s Source) readiness(w http.ResponseWriter, _ *http.Request) {
	if s.Ready() != nil {
		say(w, http.StatusServiceUnavailable, "the agent is not ready; anaplan-agent status on its machine says why")
		return
	}
	say(w, http.StatusOK, "ok")
}

func say(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, line+"\n")
}
