package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/cmd/internal/emulator"
)

// headerTimeout ends connections that say nothing.
const headerTimeout = 30 * time.Second

// serve runs the emulator until ctx ends.
func serve(ctx context.Context, s *settings, stderr io.Writer) error {
	// Every request is logged at Info: to see them is why one runs an emulator.
	log := slog.New(slog.NewTextHandler(stderr, nil))
	// First of all: a script that waits for the file must not find the URL of a
	// server that was killed.
	if err := emulator.RemoveStale(s.readyFile); err != nil {
		return err
	}
	s.options.Log = log
	service := anaplantest.New(&s.options)
	// Before the port is open, so that no client finds a server that does not
	// know its certificate yet.
	if err := registerFiles(service, s.register); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return emulator.Advise(fmt.Errorf("listening: %w", err), "--listen 127.0.0.1:0 takes any free port")
	}
	// The server closes it too; this is for errors before it serves.
	defer listener.Close()
	server := &http.Server{
		Handler: newHandler(service, log),
		// No timeout for writing: faults that hang must be able to outlast any client.
		ReadHeaderTimeout: headerTimeout,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	if server.TLSConfig, err = tlsConfig(s, listener.Addr()); err != nil {
		return err
	}
	return serveOn(ctx, server, listener, s.readyFile, log)
}

// serveOn serves until ctx ends. The ready file stands as long as it does.
func serveOn(ctx context.Context, server *http.Server, listener net.Listener, readyFile string, log *slog.Logger) error {
	base := "http://" + listener.Addr().String()
	// ServeTLS on the bare listener, because it also offers HTTP/2.
	accept := server.Serve
	if server.TLSConfig != nil {
		base = "https://" + listener.Addr().String()
		accept = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	// The port takes connections since net.Listen, so the file is not too early: a client that
	// connects now waits until Serve accepts.
	if err := writeReady(readyFile, base); err != nil {
		return err
	}
	defer emulator.RemoveStale(readyFile)
	// Close and not Shutdown: there is nothing to finish, and a request that
	// hangs by order would hold the end up for ever.
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	log.Info("listening", "url", base)
	if err := accept(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving %s: %w", base, err)
	}
	log.Info("stopped")
	return nil
}

// registerFiles registers the certificates of --register.
func registerFiles(service *anaplantest.Service, files []string) error {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading a certificate to register: %w", err)
		}
		if _, err := service.Register(text); err != nil {
			return adviseCertificate(fmt.Errorf("registering %s: %w", file, err))
		}
	}
	return nil
}

// tlsConfig makes a server certificate for the address and writes the CA that
// signed it to --ca-out. Without --tls it returns nil.
func tlsConfig(s *settings, address net.Addr) (*tls.Config, error) {
	if !s.tls {
		return nil, nil
	}
	ca, err := openCA(s.caDir)
	if err != nil {
		return nil, err
	}
	// The address that listens, not the one asked for: localhost may be either family.
	host, _, err := net.SplitHostPort(address.String())
	if err != nil {
		// Never for a TCP listener; it says so rather than serve a certificate for
		// no host.
		return nil, fmt.Errorf("address %v: %w", address, err)
	}
	// The usual names too, for clients that are told localhost.
	cert, err := ca.ServerCertificate(host, "127.0.0.1", "::1", "localhost")
	if err != nil {
		return nil, err
	}
	if s.caOut != "" {
		// For everybody to read: it is a public key, and clients may run as another user.
		if err := os.WriteFile(s.caOut, ca.PEM(), 0o644); err != nil {
			return nil, fmt.Errorf("writing --ca-out: %w", err)
		}
	}
	// crypto/tls serves TLS 1.2 and newer by default, as Anaplan does (contract section 4).
	return &tls.Config{Certificates: []tls.Certificate{cert}}, nil
}

// openCA returns the CA that is kept in dir, or a new one that is kept nowhere.
func openCA(dir string) (*anaplantest.CA, error) {
	if dir == "" {
		return anaplantest.NewCA()
	}
	return anaplantest.OpenCA(dir)
}

// writeReady writes the base URL to path in one step, so that a script that waits for the file
// never reads half of it. "": no file is wanted.
func writeReady(path, base string) error {
	if path == "" {
		return nil
	}
	// In the same directory, because a rename does not cross file systems.
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing --ready-file: %w", err)
	}
	// The file is 0600, as CreateTemp makes it: it is for the user that started the server.
	_, err = fmt.Fprintln(file, base)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
		return fmt.Errorf("writing --ready-file: %w", err)
	}
	return nil
}
