//go:build cgo

package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// newProxy starts an HTTP proxy that leads every connection to one address, whatever host is
// asked for; "" for one that refuses with status. It returns its own address.
func newProxy(t *testing.T, to string, status int) string {
	t.Helper()
	proxy := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to == "" {
			w.WriteHeader(status)
			return
		}
		there, err := net.Dial("tcp", to)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			there.Close()
			return
		}
		io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() {
			defer there.Close()
			io.Copy(there, here)
		}()
		defer here.Close()
		io.Copy(here, there)
	})}
	return serveOn(t, proxy, nil)
}

// newInspector starts a TLS server for Anaplan's own names whose certificate is of a company's
// CA, and returns that CA and its address.
func newInspector(t *testing.T, handler http.Handler) (*anaplantest.CA, string) {
	t.Helper()
	ca, err := anaplantest.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.ServerCertificate("auth.anaplan.com", "api.anaplan.com", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: handler}
	return ca, serveOn(t, server, &tls.Config{Certificates: []tls.Certificate{cert}})
}

// serveOn serves until the test ends, and returns the address.
func serveOn(t *testing.T, server *http.Server, config *tls.Config) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Serve(listener)
	}()
	t.Cleanup(func() {
		server.Close()
		<-ended
	})
	return address
}

// inspected has the machine reach Anaplan's own hosts through a proxy that opens TLS.
func (m *machine) inspected(trusted bool) {
	ca, address := newInspector(m.t, m.server)
	m.env["HTTPS_PROXY"] = "http://" + newProxy(m.t, address, 0)
	m.profile["auth_url"], m.profile["api_url"] = "", ""
	m.profile["region"] = "us1"
	m.profile["ca_file"] = ""
	if trusted {
		m.profile["ca_file"] = m.file("company.pem", string(ca.PEM()))
	}
}

// withoutCredential answers a request only if nobody is logged in by it.
func withoutCredential(status int, body string) anaplantest.Fault {
	return func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AnaplanAuthToken ") {
			real.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// oldServer returns the URL of a server that speaks TLS 1.1 at most.
func (m *machine) oldServer() string {
	cert, err := m.server.CA.ServerCertificate("127.0.0.1")
	if err != nil {
		m.t.Fatal(err)
	}
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: m.server}
	return "https://" + serveOn(m.t, server, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
}

// overheard keeps what a login and its token are made of.
func overheard(secrets *[]string) anaplantest.Fault {
	return func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		real.ServeHTTP(answer, r)
		var login struct{ EncodedData, EncodedSignedData string }
		var granted struct{ TokenInfo struct{ TokenValue string } }
		if json.Unmarshal(body, &login) == nil && json.Unmarshal(answer.Body.Bytes(), &granted) == nil {
			*secrets = append(*secrets, login.EncodedData, login.EncodedSignedData, granted.TokenInfo.TokenValue)
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	}
}
